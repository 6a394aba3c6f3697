"""The command `weighbridge init`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from weighbridge.build.client import find_build_client
from weighbridge.cli.exit_codes import EXIT_CODES
from weighbridge.cli.options import debug_option
from weighbridge.config import DEFAULT_CONFIG, MAXIMUM_CONFIG_BYTES, load_config
from weighbridge.config.dive_ci import DIVE_CI, DiveRules, read_dive_rules
from weighbridge.domain.gate.limits import parse_limit
from weighbridge.errors import ExitCode, UsageError
from weighbridge.plan.image_plan import ImagePlan
from weighbridge.run.plan import bake_finder, plan_range
from weighbridge.run.request import DiffRequest

WORKFLOW = ".github/workflows/weigh.yml"
_CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0"
_UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2"
_SHOWN_IMAGES = 20


@click.command(epilog=EXIT_CODES)
@click.option("--repo", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="[default: .]")
@click.option(
    "--max-increase", default="+10%", show_default=True, metavar="LIMIT", help="Limit that the configuration sets."
)
@click.option(
    "--action",
    "action_name",
    default="OWNER/weighbridge@v1",
    show_default=True,
    metavar="NAME@REF",
    help="Name of the Action in the workflow.",
)
@click.option("--force", is_flag=True, help="Overwrites existing files.")
@debug_option
def init(*, repo: Path, max_increase: str, action_name: str, force: bool, debug: bool) -> ExitCode:
    """Writes a workflow and a configuration for this repository.

    Looks for images in the commit that is checked out and prints what it finds. Carries over the limit of a .dive-ci
    file.
    """
    del debug
    try:
        parse_limit(max_increase)
    except ValueError as error:
        raise UsageError(f"--max-increase: {error}") from error
    request = DiffRequest(repo=repo, base="HEAD", head="HEAD", config=load_config(repo, None), all_images=True)
    planned = plan_range(request, bake_finder(lambda: find_build_client(os.environ), os.environ))
    root = planned.repository.root
    dive = _dive_rules(root)
    files = {WORKFLOW: workflow(action_name), DEFAULT_CONFIG: configuration(planned.plans, max_increase, dive)}
    existing = [name for name in files if (root / name).exists()]
    if existing and not force:
        raise UsageError(f"{existing[0]} exists. Use --force to overwrite it.")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
        click.echo(f"wrote {name}")
    click.echo(_summary(planned.plans, action_name), nl=False)
    return ExitCode.PASSED


def workflow(action_name: str) -> str:
    """The text of the workflow."""
    return f"""name: Weigh
on: pull_request
permissions: {{ contents: read, pull-requests: write, checks: write }}
concurrency: {{ group: "weigh-${{{{ github.ref }}}}", cancel-in-progress: true }}
jobs:
  weigh:
    runs-on: ubuntu-latest
    steps:
      - uses: {_CHECKOUT}
        with: {{ persist-credentials: false }}
      - uses: {action_name}
      - uses: {_UPLOAD}
        if: always()
        with: {{ name: weighbridge-report, path: weighbridge-report }}
"""


def _dive_rules(root: Path) -> DiveRules:
    """The rules of the repository's ``.dive-ci``. Raises ConfigError for invalid rules, UsageError for no access."""
    try:
        with (root / DIVE_CI).open("rb") as stream:
            data = stream.read(MAXIMUM_CONFIG_BYTES + 1)
    except FileNotFoundError:
        return DiveRules()
    except OSError as error:
        raise UsageError(f"{DIVE_CI}: cannot read the file: {error.strerror}") from error
    return read_dive_rules(data)


def configuration(plans: Sequence[ImagePlan], max_increase: str, dive: DiveRules) -> str:
    """The text of the configuration: the limits, and an entry for each image whose context is unknown."""
    waste = "" if dive.max_wasted is None else f", max-wasted: {_quoted(dive.max_wasted)}"
    lines = ["version: 1", f'limits: {{ max-increase: "{max_increase}"{waste} }}']
    lines += [f"# {DIVE_CI} has {_quoted(rule)}: Weighbridge has no such limit." for rule in dive.unsupported]
    unknown = [plan for plan in plans if plan.head is not None and plan.head.context is None]
    if unknown:
        lines.append(
            "# Weighbridge found no evidence for the contexts of these images. Set `context` and remove the comment."
        )
        lines.append("# images:")
        for plan in unknown:
            assert plan.head is not None
            lines.append(f"#   {_quoted(plan.name)}: {{ dockerfile: {_quoted(plan.head.dockerfile)}, context: . }}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A YAML string on one line, in a comment or not."""
    escaped = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{escaped}"'


def _summary(plans: Sequence[ImagePlan], action_name: str) -> str:
    lines = [f"{len(plans)} {'image' if len(plans) == 1 else 'images'} found:"]
    for plan in plans[:_SHOWN_IMAGES]:
        context = "context unknown: set it" if plan.head is None or plan.head.context is None else plan.head.context
        lines.append(f"  {plan.name}  ({context})")
    if len(plans) > _SHOWN_IMAGES:
        lines.append(f"  and {len(plans) - _SHOWN_IMAGES} more: weighbridge plan HEAD --all")
    if action_name.startswith("OWNER/"):
        lines.append(f"Next: replace OWNER in {WORKFLOW}, commit both files, and open a pull request.")
    else:
        lines.append("Next: commit both files and open a pull request.")
    return "\n".join(lines) + "\n"
