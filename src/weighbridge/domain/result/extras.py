"""Parts of a comparison that are made on request. Separate from the comparison: the configuration imports it alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weighbridge.domain.image.file_map_nodes import MINIMUM_NODES


@dataclass(frozen=True, kw_only=True, slots=True)
class Extras:
    """Parts of a comparison that take time, and are made on request.

    `file_map_nodes` is the maximum number of files and folders of the file map; 0 for no map.
    """

    text_changes: bool = False
    tip_growth: bool = False
    file_map_nodes: int = 0

    def of_one_image(self, images: int) -> Extras:
        """The share of one image in a run of `images` images: the file maps of a run have a common limit."""
        if self.file_map_nodes <= MINIMUM_NODES:
            return self
        return replace(self, file_map_nodes=max(MINIMUM_NODES, self.file_map_nodes // max(1, images)))


NO_EXTRAS = Extras()
