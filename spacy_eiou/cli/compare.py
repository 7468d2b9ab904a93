from pathlib import Path
from typing import Optional

from spacy.cli._util import Arg, Opt, import_code
from wasabi import msg

from ..studies import compare
from ._util import CODE_OPTION, GPU_OPTION, app, reporting


@app.command("compare")
def compare_cli(
    study_path: Path = Arg(
        ..., help="Description of the study, e.g. configs/compare.yml", exists=True, dir_okay=False
    ),
    output_path: Path = Arg(..., help="Directory for results, tables and plots", file_okay=False),
    project_path: Path = Opt(
        ".", "--project", "-p", help="Directory of project.yml", exists=True, file_okay=False
    ),
    report_only: bool = Opt(
        False, "--report-only", "-R", help="Train nothing, write tables and plots of the results"
    ),
    code_path: Optional[Path] = CODE_OPTION,
    use_gpu: int = GPU_OPTION,
) -> None:
    """
    Train several components on the same data, and compare them.

    They have the same encoder, candidates and batches, over seeds and numbers
    of training documents. Appends one line per training to results.jsonl and
    writes tables to RESULTS.md and one plot per corpus. Called again, it trains
    only what is missing, and says which results are of other code.
    """
    import_code(code_path)
    with reporting(f"Can't run the study '{study_path}'"):
        results = compare(
            study_path,
            output_path,
            project_path=project_path,
            report_only=report_only,
            use_gpu=use_gpu,
            silent=False,
        )
    msg.good(f"Saved tables of {len(results)} results: {output_path / 'RESULTS.md'}")
