"""The global context module: equations 1, 2 and 3 of the paper, and nothing else.

The paper prints no normalisation. As printed, equation 1 sums over all H W positions, so the context grows with the
resolution. Three forms are kept here under the names of `GCConfig.normalization`:

* `none`: as printed, k and q as the convolutions give them;
* `mean`: k divided by the number of positions, so that the context does not depend on the resolution;
* `softmax`: keys by a softmax over positions, queries by a softmax over channels (as in the first author's efficient
  attention): every context vector is a weighted mean of values, every read-out a weighted mean of context vectors.

Measured with gcvos-lite after 1,500 steps of stage 1 (four clips of 96 x 96 each, the same clips for all), as mean J in
per cent over 100 other clips at that size and at twice the size: `none` 63.1 and 53.7, `mean` 63.6 and 59.7, `softmax`
64.3 and 58.3. So the print's form loses most at another resolution, and the two normalised ones are close. `softmax`
is ahead at the size of the training and the default; the bundled weights were trained with it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gcvos_model.network.config import Normalization

TAKEN_BELOW = (
    0.9  # objects that look alike have contexts alike: one that is this like its own memory is no other one
)


def normalize_keys(k: Tensor, normalization: Normalization) -> Tensor:
    """Turn raw keys into weights over positions.

    Args:
        k: raw keys, `(B, C_N, N)`.
        normalization: see the module's docstring.

    Returns:
        `(B, C_N, N)`; with `softmax` each row sums to 1.
    """
    if normalization == "softmax":
        return k.softmax(dim=2)
    return k / k.shape[2] if normalization == "mean" else k


def normalize_queries(q: Tensor, normalization: Normalization) -> Tensor:
    """Turn raw queries `(B, C_N, N)` into weights over the C_N context vectors (same shape)."""
    return q.softmax(dim=1) if normalization == "softmax" else q


def frame_context(k: Tensor, v: Tensor) -> Tensor:
    """Equation 1: C_t = k(X_t)^T v(X_t).

    Args:
        k: keys, `(B, C_N, N)`, normalised.
        v: values, `(B, C_M, N)`.

    Returns:
        The frame's context C, `(B, C_N, C_M)`.
    """
    return torch.bmm(k, v.transpose(1, 2))  # (B, C_N, N) x (B, N, C_M)


def update(G: Tensor, C: Tensor, t: int | Tensor) -> Tensor:
    """Equation 2: G_t = (t - 1) / t G_{t-1} + 1 / t C_t, the running mean of the contexts of an object's frames.

    Args:
        G: the context after t - 1 frames, `(..., C_N, C_M)`; anything at t = 1, where its weight is 0.
        C: the context of frame t, same shape.
        t: the number of frames that the result stands for, from 1: each object's own, so a tensor `(B, 1, 1)` where
            the objects of a batch entered at different frames.

    Returns:
        G_t, same shape.
    """
    return (t - 1) / t * G + C / t


def distribute(q: Tensor, G: Tensor) -> Tensor:
    """Equation 3: R_t = q(X_t) G_{t-1} (the print says G_t, which does not exist yet while frame t is segmented).

    Args:
        q: queries, `(1 or B, C_N, N)`, normalised; one frame's queries serve any number of objects.
        G: contexts, `(B, C_N, C_M)`.

    Returns:
        The distributed context R, `(B, N, C_M)`.
    """
    return torch.matmul(q.transpose(1, 2), G)  # (1 or B, N, C_N) x (B, C_N, C_M)


def compare(e: Tensor, G: Tensor) -> Tensor:
    """Read the context along its other axis: how like each position is to each of the C_N context vectors.

    Not in the paper. Equation 3 tells a position what is remembered of things of its kind, by kinds that training has
    fixed: where the object and its background are of one kind (a dancer before a crowd), it gets a mixture of both.
    Here the context vectors themselves are the filters, so what is compared is this object, and not its kind.

    Args:
        e: embedding of the query's positions, `(1 or B, C_M, N)`.
        G: contexts, `(B, C_N, C_M)`.

    Returns:
        Scaled inner products, `(B, N, C_N)`.
    """
    return torch.matmul(e.transpose(1, 2), G.transpose(1, 2)) / G.shape[2] ** 0.5


def likeness(C: Tensor, G: Tensor) -> Tensor:
    """How like a frame's context is to the one that is remembered: the cosine of the two, taken as vectors.

    Not in the paper. The context of a frame and a mask says what is inside and what is around it. Of a mask in another
    scene, after a cut, both are strange, however sure the decoder is of the mask.

    Args:
        C: contexts of a frame, `(..., C_N, C_M)`.
        G: contexts remembered, same shape.

    Returns:
        `(...)`, in [-1, 1].
    """
    return torch.cosine_similarity(C.flatten(-2), G.flatten(-2), dim=-1)


def taken_over(C: Tensor, G: Tensor) -> Tensor:
    """Which objects' frame contexts are unlike their own memory and more like another object's.

    Not in the paper. Where objects of one kind cross, a mask may go over to the wrong one, and both then follow the same.

    Args:
        C: contexts of a frame, `(K, C_N, C_M)`.
        G: contexts remembered of the same objects, same shape.

    Returns:
        `(K,)` bool.
    """
    own = likeness(C, G)
    C, G = (F.normalize(X.flatten(1), dim=1) for X in (C, G))
    across = C @ G.T  # with its own on the diagonal, equal to `own` but for rounding
    others = (across > own[:, None] + 1e-4).any(dim=1)
    return others & (own < TAKEN_BELOW)


class GlobalContext(nn.Module):
    """The functions above with the paper's 3x3 convolutions for k, v and q (section 3.2)."""

    def __init__(
        self,
        query_in: int,
        memory_in: int,
        key_channels: int,
        value_channels: int,
        normalization: Normalization,
        horizon: int = 0,
    ) -> None:
        super().__init__()
        self.normalization = normalization
        self.horizon = horizon
        self.key = nn.Conv2d(memory_in, key_channels, 3, padding=1)
        self.value = nn.Conv2d(memory_in, value_channels, 3, padding=1)
        self.query = nn.Conv2d(query_in, key_channels, 3, padding=1)

    def context(self, x: Tensor) -> Tensor:
        """Equation 1 of memory features `(B, memory_in, h, w)`: `(B, C_N, C_M)`, float32 whatever x is."""
        k = normalize_keys(self.key(x).flatten(2).float(), self.normalization)  # (B, C_N, h*w)
        v = self.value(x).flatten(2).float()  # (B, C_M, h*w)
        with torch.autocast(x.device.type, enabled=False):  # a sum over thousands of positions wants float32
            return frame_context(k, v)

    def queries(self, x: Tensor) -> Tensor:
        """Queries of query features `(B, query_in, h, w)`: `(B, C_N, h*w)`, normalised, float32."""
        return normalize_queries(self.query(x).flatten(2).float(), self.normalization)

    def update(self, G: Tensor, C: Tensor, t: int | Tensor) -> Tensor:
        """See `update`: equation 2, with a t of at most `horizon`: from then on every frame weighs as much as that one.

        As printed, what frame 2,000 shows counts for a two-thousandth, and an object could not change its looks any more.
        """
        return update(G, C, torch.as_tensor(t).clamp(max=self.horizon) if self.horizon else t)

    def read(self, q: Tensor, G: Tensor) -> Tensor:
        """See `distribute`: equation 3."""
        with torch.autocast(q.device.type, enabled=False):
            return distribute(q, G)

    def compare(self, e: Tensor, G: Tensor) -> Tensor:
        """See `compare`."""
        with torch.autocast(e.device.type, enabled=False):
            return compare(e, G)

    def likeness(self, C: Tensor, G: Tensor) -> Tensor:
        """See `likeness`."""
        return likeness(C, G)

    def keys(self, x: Tensor) -> Tensor:
        """Key maps of memory features, `(B, C_N, h, w)`, normalised: what figure 6 shows."""
        k = self.key(x)
        return normalize_keys(k.flatten(2).float(), self.normalization).view(k.shape)
