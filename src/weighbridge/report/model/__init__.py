"""The report, version 1: the output of ``--format json``, and the input of rendering, merging and GitHub.

This package *is* the schema; ``docs/report-schema.json`` is generated from it. Sizes are bytes. ``None`` (JSON
``null``) means unknown and never zero. New versions only add fields; a change of meaning makes a new `SCHEMA_VERSION`.
"""

from weighbridge.domain.result.revision import Part, Revision
from weighbridge.domain.result.status import Status
from weighbridge.report.model.causes import Attribution, CauseKindName, CauseName, CausePart, CauseRow
from weighbridge.report.model.contents import (
    FileChange,
    FileRow,
    FolderRow,
    LayerChange,
    LayerRow,
    PackageRow,
    TextDiff,
)
from weighbridge.report.model.encoding import (
    MAXIMUM_REPORT_BYTES,
    SCHEMA_VERSION,
    decode_report,
    encode_report,
    report_schema,
)
from weighbridge.report.model.gate import (
    AsBaseDefinesReport,
    BudgetRow,
    BudgetShare,
    LimitOutcome,
    LimitRow,
    Override,
    RatchetReport,
    Reason,
    Verdict,
)
from weighbridge.report.model.image import (
    ConfigReport,
    Delta,
    Failure,
    HistoryPoint,
    ImageReport,
    ImageSide,
    LayerReport,
    MetadataRow,
)
from weighbridge.report.model.run import Report, WritingProgram
from weighbridge.report.model.start import FindingReport, StartReport, TrialReport
from weighbridge.report.model.tips import (
    CombinedTips,
    DroppedTip,
    LadderRow,
    MeasuredEarlier,
    SharedTipReport,
    TipReport,
)

__all__ = [
    "MAXIMUM_REPORT_BYTES",
    "SCHEMA_VERSION",
    "AsBaseDefinesReport",
    "Attribution",
    "BudgetRow",
    "BudgetShare",
    "CauseKindName",
    "CauseName",
    "CausePart",
    "CauseRow",
    "CombinedTips",
    "ConfigReport",
    "Delta",
    "DroppedTip",
    "Failure",
    "FileChange",
    "FileRow",
    "FindingReport",
    "FolderRow",
    "HistoryPoint",
    "ImageReport",
    "ImageSide",
    "LadderRow",
    "LayerChange",
    "LayerReport",
    "LayerRow",
    "LimitOutcome",
    "LimitRow",
    "MeasuredEarlier",
    "MetadataRow",
    "Override",
    "PackageRow",
    "Part",
    "RatchetReport",
    "Reason",
    "Report",
    "Revision",
    "SharedTipReport",
    "StartReport",
    "Status",
    "TextDiff",
    "TipReport",
    "TrialReport",
    "Verdict",
    "WritingProgram",
    "decode_report",
    "encode_report",
    "report_schema",
]
