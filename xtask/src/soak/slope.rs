//! The slope of samples over time, and the range in which the true slope is.
//!
//! The method is Theil's: the median of the slopes between all pairs of points. Jumps and single outliers do not change it
//! much. The range comes from the same slopes by their ranks (Sen 1968), so it assumes no distribution.

/// Number of blocks of samples. Neighbouring samples depend on each other; the medians of blocks do so less.
const BLOCKS: usize = 12;

/// A slope, in units of a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slope {
    /// The best estimate.
    pub(super) median: f64,
    /// The true slope is above this with 97.5 % probability.
    pub(super) low: f64,
    /// The true slope is below this with 97.5 % probability.
    pub(super) high: f64,
}

/// The slope of points of time and value, in the order of the times. `None` with less than two points for each block.
pub(super) fn slope(points: &[(f64, f64)]) -> Option<Slope> {
    if points.len() < 2 * BLOCKS {
        return None;
    }
    let blocks: Vec<(f64, f64)> = points
        .chunks(points.len().div_ceil(BLOCKS))
        .map(|block| {
            let of = |pick: fn(&(f64, f64)) -> f64| median(block.iter().map(pick).collect());
            (of(|point| point.0), of(|point| point.1))
        })
        .collect();
    let mut slopes: Vec<f64> = Vec::new();
    for (index, first) in blocks.iter().enumerate() {
        slopes.extend(
            blocks[index + 1..].iter().map(|second| (second.1 - first.1) / (second.0 - first.0)),
        );
    }
    slopes.sort_by(f64::total_cmp);
    // Kendall's statistic has this deviation if there is no slope.
    let count = blocks.len() as f64;
    let deviation = (count * (count - 1.0) * (2.0 * count + 5.0) / 18.0).sqrt();
    let skipped = ((slopes.len() as f64 - 1.96 * deviation) / 2.0).floor().max(0.0);
    let skipped = (0..slopes.len()).take_while(|rank| (*rank as f64) < skipped).count();
    let (low, high) = (slopes[skipped], slopes[slopes.len() - 1 - skipped]);
    Some(Slope { median: median(slopes), low, high })
}

/// The median; 0 of no values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points each second. The noise repeats every eight seconds.
    fn points(count: u32, value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let noise = [3.0, -4.0, 1.0, 0.0, 5.0, -5.0, 2.0, -2.0];
        (0..count)
            .map(|at| (f64::from(at), value(f64::from(at)) + noise[(at % 8) as usize]))
            .collect()
    }

    #[test]
    fn a_slope_is_found_below_noise_and_outliers() {
        let mut points = points(600, |at| 100.0 + 0.5 * at);
        for point in points.iter_mut().step_by(50) {
            point.1 += 10_000.0;
        }
        let slope = slope(&points).unwrap();
        assert!((slope.median - 0.5).abs() < 0.02, "{slope:?}");
        assert!(slope.low > 0.4 && slope.high < 0.6, "{slope:?}");
    }

    #[test]
    fn no_slope_is_within_the_range_of_noise() {
        let slope = slope(&points(600, |_| 100.0)).unwrap();
        assert!(slope.low <= 0.0 && slope.high >= 0.0, "{slope:?}");
    }

    #[test]
    fn one_jump_is_not_a_slope() {
        let slope = slope(&points(600, |at| if at < 60.0 { 100.0 } else { 200.0 })).unwrap();
        assert!(slope.low <= 0.0, "{slope:?}");
    }

    #[test]
    fn few_points_have_no_slope() {
        assert_eq!(slope(&points(23, |at| at)), None);
        assert!(slope(&points(24, |at| at)).is_some());
    }
}
