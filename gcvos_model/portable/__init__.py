"""The step as a file that other runtimes and other languages run: extra `export`."""
