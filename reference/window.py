"""The window of the local stage: evenly spaced samples of the fine map in and around one reference box."""

import torch
from torch.nn.functional import grid_sample

MIN_CELLS = 3


def window_box(reference: torch.Tensor, scale: float, cells: int) -> torch.Tensor:
    """Centre and size of the window around `reference`; at least three cells and at most two squares wide."""
    size = torch.clamp(reference[2:] * scale, MIN_CELLS / cells, 2.0)
    return torch.cat([reference[:2], size])


def sample_centres(window: int, dtype: torch.dtype) -> torch.Tensor:
    """[window * window, 2]: x and y in fractions of the window, from its centre, row by row."""
    at = (torch.arange(window, dtype=dtype) + 0.5) / window - 0.5
    return torch.stack([at.repeat(window), at.repeat_interleave(window)], 1)


def sample(fine: torch.Tensor, box: torch.Tensor, window: int) -> torch.Tensor:
    """`fine`: [cells, cells, width]; `box`: centre and size on the square; returns [window * window, width].

    Cell i covers [i, i + 1] / cells of the square and has its value at its centre; outside the outermost centres the
    map goes on as it is there.
    """
    points = box[:2] + sample_centres(window, fine.dtype) * box[2:]
    picture = fine.permute(2, 0, 1)[None]
    read = grid_sample(picture, (2 * points - 1)[None, None], mode="bilinear", padding_mode="border", align_corners=False)
    return read[0, :, 0].T
