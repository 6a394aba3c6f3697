"""A revision in words."""

from weighbridge.domain.result.revision import Revision


def test_revision_is_named_once_if_it_is_the_commit():
    assert Revision(ref="main", sha="1b25a31").words == "main is 1b25a31"
    assert Revision(ref="1b25a31", sha="1b25a31").words == "1b25a31"
    assert Revision(ref="app:1").words == "app:1"
