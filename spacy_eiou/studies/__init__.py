from .compare import compare
from .comparison import Result
from .study import Run, Study, StudyCorpus, Variant

__all__ = ["Result", "Run", "Study", "StudyCorpus", "Variant", "compare"]
