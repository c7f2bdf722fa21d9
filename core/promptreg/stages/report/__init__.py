"""Reports: which reporter writes which file, and what all reports say alike.

Reporters live in plug-ins; here is what they share. `comparison_json` is the contract,
`lines` and `digest` put the same facts into the same words for terminal, HTML and Markdown, and
`text` makes untrusted text fit for people.
"""

from promptreg.stages.report.as_json import comparison_json, dump_json
from promptreg.stages.report.write import plan_reports, write_reports, write_whole

__all__ = [
    "comparison_json",
    "dump_json",
    "plan_reports",
    "write_reports",
    "write_whole",
]
