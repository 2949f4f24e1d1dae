"""The errors that gcvos raises on purpose: each says what was got, what was expected and what to do."""


class GCVOSError(Exception):
    """Base of every error that gcvos raises on purpose."""


class InputError(GCVOSError, ValueError):
    """Something handed in cannot be used: a mask, a box, an option, a file. Nothing has been written."""


class MediaError(GCVOSError, OSError):
    """A video or an image folder cannot be read (at the start, or from some frame on)."""


class CheckpointError(GCVOSError):
    """A checkpoint is absent, damaged, or not one of ours."""


class StateError(GCVOSError, ValueError):
    """A packed `ObjectMemory` is damaged, of another version, or of another model."""
