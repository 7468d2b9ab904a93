import os

from hypothesis import settings

# A busy machine is no failure, and the examples that hypothesis remembers stay out of the way. CI
# tries the same examples each time; other runs look for new ones.
settings.register_profile(
    "spacy_eiou", deadline=None, max_examples=50, database=None, derandomize="CI" in os.environ
)
settings.load_profile("spacy_eiou")
