from hypothesis import settings

# A busy machine is no failure, and the examples that hypothesis remembers stay out of the way.
settings.register_profile("spacy_eiou", deadline=None, max_examples=50, database=None)
settings.load_profile("spacy_eiou")
