"""The command `weighbridge explore`."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.browser import browse, check_browser
from weighbridge.cli.clients import tools_for
from weighbridge.cli.exit_codes import EXIT_CODES
from weighbridge.cli.options import RunOptions, run_options
from weighbridge.domain.dockerfile import MAXIMUM_DOCKERFILE_BYTES, parse_dockerfile
from weighbridge.domain.tips.tip import DockerfileSource
from weighbridge.errors import ExitCode, UsageError
from weighbridge.explore.subject import make_subject
from weighbridge.run.read import weigh_existing
from weighbridge.sources.transports import image_forms, parse_image_reference


@click.command(
    epilog=EXIT_CODES, help=f"Browses the files, layers, packages and waste of one image.\n\nIMAGE is {image_forms()}."
)
@click.argument("image")
@click.option(
    "--dockerfile",
    "dockerfile",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Dockerfile that made the image. Shows lines, and what comes from the base image.",
)
@click.option("--target", help="Stage of the Dockerfile that made the image. [default: the last]")
@run_options
def explore(image: str, *, dockerfile: Path | None, target: str | None, run: RunOptions) -> ExitCode:
    """Browses the files, layers, packages and waste of one image."""
    check_browser()
    reference = parse_image_reference(image)
    source = _read_dockerfile(dockerfile, target) if dockerfile is not None else None
    with tools_for(run) as tools:
        (head,) = weigh_existing([reference], tools, sources={} if source is None else {reference: source})
        subject = make_subject(image, head, source=source, dockerfile_name=str(dockerfile))
    browse(subject)
    return ExitCode.PASSED


def _read_dockerfile(path: Path, target: str | None) -> DockerfileSource:
    """Raises UsageError for a file that cannot be read, DockerfileError for one that does not parse."""
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_DOCKERFILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}. Pass an existing file with --dockerfile.") from error
    text = content.decode("utf-8", "replace")
    return DockerfileSource(text=text, dockerfile=parse_dockerfile(text, path=str(path)), target=target)
