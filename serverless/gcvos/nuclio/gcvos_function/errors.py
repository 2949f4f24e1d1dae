"""Why a request is refused, as the HTTP status that CVAT shows to the user (it shows nothing else)."""


class RequestError(Exception):
    """A request that cannot be answered; `status` is the HTTP status to answer with, the text the cause."""

    status = 400


class TooLargeError(RequestError):
    """More objects, or a larger image, than the limits allow (`GCVOS_MAX_OBJECTS`, `GCVOS_MAX_PIXELS`)."""

    status = 413


class ImageError(RequestError):
    """The image arrived, but cannot be decoded."""

    status = 422
