"""Steps on a GPU: one CUDA graph a frame, its state kept there, and nobody waiting on the way.

    frame on the CPU, resized ─► transfers.upload (a stream of its own)
                                      ▼
    state of the step before ─► step.step_on_device as a graphs.Captured ─► state for the step after
                                      │   search.search_regions, gcvos_model.step.advance, label_places
                                      ▼
                                transfers.Download ─► pending.PendingResult, waited for when it is looked at

`run.DeviceRun` holds the state and does this for a frame. `Propagator` makes one when it steps on a CUDA device, and
takes the memories back from it when they are asked for, or when a frame is annotated. The number of objects is rounded
up to one of `run.CAPACITIES`; there is one graph for each of these and each size of frames.
"""
