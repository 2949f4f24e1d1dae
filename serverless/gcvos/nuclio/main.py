"""The nuclio function: CVAT's tracker requests in, shapes and states out. `gcvos_function` does the work."""

import gc
import json
import traceback

import cv2
import torch
from gcvos_function.errors import RequestError
from gcvos_function.settings import LOG_LEVELS, Settings
from gcvos_function.timings import Timings
from gcvos_function.tracking import Tracker

from gcvos_model import load_model

RETRY_AFTER_SECONDS = 5


def init_context(context):
    """Load the model and warm it up; what is raised here ends the worker, with the cause in the log."""
    settings = Settings.from_environment()
    if settings.threads:
        torch.set_num_threads(settings.threads)
        cv2.setNumThreads(settings.threads)
    model = load_model(settings.model, device=settings.device, precision=settings.precision)
    tracker = Tracker(model, settings)
    tracker.warm_up()
    context.user_data.tracker = tracker
    log(context, "info", f"ready: {model.config.name} ({model.digest[:12]}) on {model.device}; {settings}")


def handler(context, event):
    """Answer one request. Whatever goes wrong becomes a status, the cause a line in the log: CVAT shows only
    the status.
    """
    timings = Timings()
    try:
        answer = context.user_data.tracker.answer(event.body, timings)
        with timings.measure("json"):
            body = json.dumps(answer)
        log(context, "debug", f"{len(answer['shapes'])} objects; {timings.header()}")
        return respond(context, 200, body, {"Server-Timing": timings.header()})
    except RequestError as error:
        return refuse(context, error.status, str(error))
    except Exception as error:
        if not is_out_of_memory(error):
            log(context, "error", traceback.format_exc())
            return refuse(context, 500, "internal error; the function's log has the traceback")
        cause = f"out of memory: {error}"
    # Only out here are the frames of the traceback, and the tensors in them, gone.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return refuse(context, 503, cause, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def is_out_of_memory(error):
    """Whether memory ran out, on the GPU or (for which PyTorch has no type of its own) on the CPU."""
    return isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)) or "DefaultCPUAllocator" in str(
        error
    )


def refuse(context, status, cause, headers=None):
    """Answer an error, and log it."""
    log(context, "warn", f"{status}: {cause}")
    return respond(context, status, json.dumps({"error": cause}), headers or {})


def respond(context, status, body, headers):
    """Make nuclio's response of a JSON text."""
    return context.Response(body=body, headers=headers, content_type="application/json", status_code=status)


def log(context, level, message):
    """Log where `GCVOS_LOG_LEVEL` asks for it; nuclio's logger takes every level."""
    tracker = getattr(context.user_data, "tracker", None)
    wanted = tracker.settings.log_level if tracker else "debug"
    if LOG_LEVELS.index(level) >= LOG_LEVELS.index(wanted):
        getattr(context.logger, level)(message)
