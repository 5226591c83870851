use super::picture::Picture;

/// The cubic kernel reaches so many pixels to each side.
const REACH: f64 = 2.0;

/// A picture in another size, in whole grey levels.
///
/// # Source
/// Bicubic convolution (Keys 1981) with a = -0.5, widened where the picture shrinks, so that no pixel is skipped: what
/// Pillow does, and torchvision with antialiasing. Columns first, then rows; each is rounded to a grey level of its own,
/// which cuts what overshoots black and white before the other axis can spread it.
///
/// # Departures
/// Both libraries compute in integers, which may tip a half to the other side: by one grey level.
pub fn resample(picture: &Picture, [height, width]: [usize; 2]) -> Picture {
    if picture.size() == [height, width] {
        return picture.clone();
    }
    let [rows, columns] = picture.size();
    let across = Taps::all(columns, width);
    let down = Taps::all(rows, height);
    let mut planes = Vec::with_capacity(3 * height * width);
    for plane in picture.planes().chunks_exact(rows * columns) {
        let wide: Vec<f32> =
            plane.chunks_exact(columns).flat_map(|row| across.iter().map(|taps| level(taps.sum(|i| row[i])))).collect();
        for taps in &down {
            planes.extend((0..width).map(|x| level(taps.sum(|y| wide[y * width + x]))));
        }
    }
    Picture::from_planes([height, width], planes)
}

/// Which pixels a new one is a sum of, and with which weights.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Taps {
    fn all(from: usize, to: usize) -> Vec<Self> {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        (0..to).map(|i| Self::around((i as f64 + 0.5) * scale, stretch, from)).collect()
    }

    fn around(centre: f64, stretch: f64, from: usize) -> Self {
        let first = (centre - REACH * stretch + 0.5).floor().max(0.0) as usize;
        let end = ((centre + REACH * stretch + 0.5).floor() as usize).min(from);
        let raw: Vec<f64> = (first..end).map(|i| cubic((i as f64 + 0.5 - centre) / stretch)).collect();
        let sum: f64 = raw.iter().sum();
        Self { first, weights: raw.into_iter().map(|weight| (weight / sum) as f32).collect() }
    }

    fn sum(&self, value: impl Fn(usize) -> f32) -> f32 {
        self.weights.iter().zip(self.first..).map(|(weight, i)| weight * value(i)).sum()
    }
}

/// The nearest grey level.
fn level(value: f32) -> f32 {
    value.round().clamp(0.0, 255.0)
}

fn cubic(distance: f64) -> f64 {
    const A: f64 = -0.5;
    let x = distance.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < REACH {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_flat_stays_flat() {
        let picture = Picture::from_rgb(10, 7, &[90; 210]).unwrap();
        for size in [[3, 4], [20, 31]] {
            assert!(resample(&picture, size).planes().iter().all(|level| *level == 90.0));
        }
    }

    #[test]
    fn turning_round_commutes() {
        let bytes: Vec<u8> = (0..11 * 9 * 3).map(|i| (i * 37 % 256) as u8).collect();
        let turned: Vec<u8> = bytes.chunks_exact(3).rev().flatten().copied().collect();
        let small = |bytes: &[u8]| resample(&Picture::from_rgb(11, 9, bytes).unwrap(), [4, 6]);
        let back: Vec<f32> =
            small(&turned).planes().chunks_exact(24).flat_map(|plane| plane.iter().rev().copied()).collect();
        let largest = back.iter().zip(small(&bytes).planes()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest <= 1.0, "{largest}");
    }
}
