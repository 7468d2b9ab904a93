"""Annotate with the session of spark-submit: MODEL INPUT OUTPUT."""

import sys

from pyspark.sql import SparkSession

from spacy_eiou.annotation import annotate

session = SparkSession.builder.appName("annotate").getOrCreate()
report = annotate(*sys.argv[1:4], engine="spark")
print(report.n_texts, "texts,", report.n_rejected, "rejected")
session.stop()
