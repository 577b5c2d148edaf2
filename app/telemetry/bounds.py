"""Upper bounds of histograms that more than one exporter has."""

# Seconds until the first of a streamed answer.
FIRST = (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120)
