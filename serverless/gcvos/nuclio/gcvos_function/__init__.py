"""Answers CVAT's tracker requests with gcvos: everything of the function that does not need nuclio."""
