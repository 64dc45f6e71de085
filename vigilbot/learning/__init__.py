"""Continuous self-improvement (Vigil 3.2): from accepted answers, reviews and human resolutions."""
