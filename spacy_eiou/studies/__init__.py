from .compare import compare
from .comparison import Result
from .study import Run, Study, StudyCorpus, Variant, read_study

__all__ = ["Result", "Run", "Study", "StudyCorpus", "Variant", "compare", "read_study"]
