"""Examples at the end of each command's help. A test parses each of them."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "diff": (
        "weighbridge diff",
        "weighbridge diff main --image api --max-increase +10%",
        "weighbridge diff v1.0 v1.1 --output report.html --output report.json",
        "weighbridge diff --secret id=npmrc,src=.npmrc",
    ),
    "compare": (
        "weighbridge compare app:1 app:2",
        "weighbridge compare registry:ghcr.io/org/app:1 docker-archive:app.tar --max-increase +5MB",
    ),
    "inspect": ("weighbridge inspect app:1", "weighbridge inspect oci:layout --format json"),
    "explore": ("weighbridge explore app:1",),
    "lint": ("weighbridge lint", "weighbridge lint services/api/Dockerfile --fix"),
    "plan": ("weighbridge plan main", "weighbridge plan main --format json --max-jobs 8"),
    "merge": ("weighbridge merge reports/ --output report.json",),
    "render": (
        "weighbridge render report.json --output report.html",
        "weighbridge render report.json --format badge > badge.json",
    ),
    "history": ("weighbridge history", "weighbridge history api --format json"),
    "doctor": ("weighbridge doctor",),
    "init": ("weighbridge init",),
    "completion": ('eval "$(weighbridge completion bash)"', "weighbridge completion fish > weighbridge.fish"),
    "schema": ("weighbridge schema config",),
}
EXAMPLES_TITLE = "\b\nExamples:"


def examples_epilog(command: str, rest: str) -> str:
    """The examples of a command, then the `rest` of its epilog."""
    lines = "\n".join(f"  {example}" for example in EXAMPLES[command])
    return f"{EXAMPLES_TITLE}\n{lines}" + (f"\n\n{rest}" if rest else "")
