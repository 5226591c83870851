//! Plots as SVG: two linear axes and marks on them.
//!
//! Colours come from the page's style sheet, so that a plot follows the reader's light or dark scheme. A series differs from
//! the others by dashes too, never by colour alone.

use std::fmt::Write;

use super::html::{escaped, shortened};

const WIDTH: f64 = 420.0;
const PLOT: [f64; 4] = [54.0, 12.0, 404.0, 250.0];
/// Height of the plot with its axes, without the legend.
const HEIGHT: f64 = 298.0;
const LEGEND_ROW: f64 = 18.0;
/// Longer names are cut in a legend.
const LEGEND_LETTERS: usize = 46;
/// A longer curve is thinned to at most twice as many points; the eye sees no more of them.
pub(super) const MAX_POINTS: usize = 400;
/// Colours in the style sheet.
const COLOURS: usize = 8;

/// One axis, in the units of the data.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    /// What it measures.
    pub label: String,
    /// Value at the left or lower end.
    pub low: f64,
    /// Value at the right or upper end.
    pub high: f64,
    /// Where there is a tick.
    pub ticks: Vec<f64>,
    /// Digits of the ticks behind the point.
    pub digits: usize,
}

impl Axis {
    /// From 0 to 1.
    pub fn unit(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            low: 0.0,
            high: 1.0,
            ticks: (0..=5).map(|i| f64::from(i) / 5.0).collect(),
            digits: 1,
        }
    }

    /// Over values, with about five ticks at round numbers that enclose them.
    pub fn around(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let finite = values.into_iter().filter(|value| value.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = if low < high {
            (low, high)
        } else if low.is_finite() {
            (low - 0.5, low + 0.5)
        } else {
            (0.0, 1.0)
        };
        let step = round_step((high - low) / 5.0);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let ticks: Vec<f64> = (0..=(last - first) as usize).map(|i| (first + i as f64) * step).collect();
        let digits = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
        Self { label: label.to_owned(), low: first * step, high: last * step, ticks, digits }
    }

    fn share(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    fn tick(&self, value: f64) -> String {
        // A negative zero would be printed with its sign.
        format!("{:.*}", self.digits, value + 0.0)
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(power)
}

/// Something drawn in the colour of its series.
#[derive(Debug, Clone)]
pub(super) enum Mark {
    /// A line through points.
    Line(Vec<[f64; 2]>),
    /// The area between `[x, low, high]`.
    Band(Vec<[f64; 3]>),
    /// Dots.
    Dots(Vec<[f64; 2]>),
    /// Bars `[x0, x1, height]` that stand on the lower end of the axis.
    Bars(Vec<[f64; 3]>),
    /// Horizontal bars `[y, low, high]`, as in a forest plot.
    Intervals(Vec<[f64; 3]>),
}

/// Marks that belong together.
#[derive(Debug, Clone)]
pub(super) struct Series {
    /// As in the legend; without a name there is no entry.
    pub name: String,
    /// Which colour.
    pub colour: usize,
    /// Whether lines are dashed, as those of floors.
    pub dashed: bool,
    /// What is drawn.
    pub marks: Vec<Mark>,
}

/// A line on which something would lie that is neither good nor bad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reference {
    /// None.
    None,
    /// From corner to corner.
    Diagonal,
    /// Upright at a value.
    Upright(f64),
}

/// A plot.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    /// Above it.
    pub title: String,
    /// For readers who do not see it; escaped already.
    pub description: String,
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
    /// A line for comparison.
    pub reference: Reference,
    /// What is shown.
    pub series: Vec<Series>,
}

impl Chart {
    /// The plot as a figure with its title and legend.
    pub fn figure(&self) -> String {
        let entries = self.series.iter().filter(|series| !series.name.is_empty());
        let height = HEIGHT + LEGEND_ROW * entries.count() as f64;
        let mut out = format!(
            "<figure><h4>{0}</h4><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{0}. {1}\">\n",
            self.title, self.description
        );
        self.axes(&mut out);
        self.reference(&mut out);
        for series in &self.series {
            self.series(series, &mut out);
        }
        self.legend(&mut out);
        out.push_str("</svg></figure>\n");
        out
    }

    fn point(&self, x: f64, y: f64) -> [f64; 2] {
        let [left, top, right, bottom] = PLOT;
        [left + self.x.share(x) * (right - left), bottom - self.y.share(y) * (bottom - top)]
    }

    fn axes(&self, out: &mut String) {
        let [left, top, right, bottom] = PLOT;
        for &tick in &self.x.ticks {
            let [x, _] = self.point(tick, self.y.low);
            let label = self.x.tick(tick);
            let _ = write!(out, "<path class=\"grid\" d=\"M{x:.1} {top}V{bottom}\"/>");
            let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", bottom + 17.0);
        }
        for &tick in &self.y.ticks {
            let [_, y] = self.point(self.x.low, tick);
            let label = self.y.tick(tick);
            let _ = write!(out, "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>");
            let _ = writeln!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", left - 6.0, y + 4.0);
        }
        let (middle_x, middle_y) = ((left + right) / 2.0, (top + bottom) / 2.0);
        let _ = writeln!(
            out,
            "<path class=\"axis\" fill=\"none\" d=\"M{left} {top}V{bottom}H{right}\"/>\
             <text x=\"{middle_x}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
             <text transform=\"translate(14 {middle_y}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            bottom + 37.0,
            escaped(&self.x.label),
            escaped(&self.y.label)
        );
    }

    fn reference(&self, out: &mut String) {
        let ends = match self.reference {
            Reference::None => return,
            Reference::Diagonal => [self.point(self.x.low, self.y.low), self.point(self.x.high, self.y.high)],
            Reference::Upright(x) => [self.point(x, self.y.low), self.point(x, self.y.high)],
        };
        let _ = writeln!(out, "<path class=\"reference\" d=\"{}\"/>", path(&ends));
    }

    fn series(&self, series: &Series, out: &mut String) {
        let _ = writeln!(out, "<g class=\"s{}\">", series.colour % COLOURS);
        for mark in &series.marks {
            self.mark(mark, series.dashed, out);
        }
        out.push_str("</g>\n");
    }

    fn mark(&self, mark: &Mark, dashed: bool, out: &mut String) {
        let class = if dashed { "line floor" } else { "line" };
        match mark {
            Mark::Line(points) => {
                let points = self.points(points);
                let _ = writeln!(out, "<path class=\"{class}\" d=\"{}\"/>", path(&points));
            }
            Mark::Band(rows) => {
                let upper = self.points(&rows.iter().map(|[x, _, high]| [*x, *high]).collect::<Vec<_>>());
                let lower = self.points(&rows.iter().rev().map(|[x, low, _]| [*x, *low]).collect::<Vec<_>>());
                let _ = writeln!(out, "<path class=\"band\" d=\"{}Z\"/>", path(&[upper, lower].concat()));
            }
            Mark::Dots(points) => {
                for [x, y] in self.points(points) {
                    let _ = writeln!(out, "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>");
                }
            }
            Mark::Bars(bars) => bars.iter().for_each(|bar| self.bar(*bar, out)),
            Mark::Intervals(rows) => {
                for [y, low, high] in rows {
                    let ends = [self.point(*low, *y), self.point(*high, *y)];
                    let _ = writeln!(out, "<path class=\"{class}\" d=\"{}\"/>", path(&ends));
                }
            }
        }
    }

    fn bar(&self, [x0, x1, height]: [f64; 3], out: &mut String) {
        let ([left, top], [right, bottom]) = (self.point(x0, height), self.point(x1, self.y.low));
        // A gap of one unit parts neighbours.
        let width = (right - left - 1.0).max(0.5);
        let _ = writeln!(
            out,
            "<rect class=\"bar\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
            bottom - top
        );
    }

    /// Positions of the finite points, thinned.
    fn points(&self, points: &[[f64; 2]]) -> Vec<[f64; 2]> {
        let finite: Vec<[f64; 2]> = points.iter().copied().filter(|[x, y]| x.is_finite() && y.is_finite()).collect();
        thinned(&finite).into_iter().map(|[x, y]| self.point(x, y)).collect()
    }

    fn legend(&self, out: &mut String) {
        for (row, series) in self.series.iter().filter(|series| !series.name.is_empty()).enumerate() {
            let y = HEIGHT + LEGEND_ROW * row as f64;
            let class = if series.dashed { "line floor" } else { "line" };
            let [left, ..] = PLOT;
            let _ = writeln!(
                out,
                "<g class=\"s{}\"><path class=\"{class}\" d=\"M{left} {y}h28\"/></g><text x=\"{}\" y=\"{}\">{}</text>",
                series.colour % COLOURS,
                left + 36.0,
                y + 4.0,
                shortened(&series.name, LEGEND_LETTERS)
            );
        }
    }
}

/// Every k-th point and the last one.
fn thinned(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let step = (points.len() / MAX_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    points.iter().enumerate().filter(|(i, _)| i % step == 0 || *i == last).map(|(_, point)| *point).collect()
}

fn path(points: &[[f64; 2]]) -> String {
    let mut out = String::new();
    for (index, [x, y]) in points.iter().enumerate() {
        let _ = write!(out, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(marks: Vec<Mark>) -> String {
        let series = Series { name: "<b>".into(), colour: 9, dashed: true, marks };
        let (x, y) = (Axis::unit("x"), Axis::unit("y"));
        Chart { title: "T".into(), description: "d".into(), x, y, reference: Reference::Diagonal, series: vec![series] }
            .figure()
    }

    #[test]
    fn corners_of_the_data_are_corners_of_the_plot() {
        let text = chart(vec![Mark::Line(vec![[0.0, 0.0], [1.0, 1.0]])]);
        assert!(text.contains("<path class=\"line floor\" d=\"M54.0 250.0L404.0 12.0\"/>"), "{text}");
        assert!(text.contains("class=\"s1\"") && text.contains("&lt;b&gt;"));
    }

    #[test]
    fn what_is_no_number_is_not_drawn() {
        let text = chart(vec![Mark::Line(vec![[0.0, f64::NAN], [0.5, 0.5]]), Mark::Dots(vec![[f64::INFINITY, 0.0]])]);
        assert!(!text.contains("NaN") && !text.contains("inf") && !text.contains("<circle"));
    }

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        let axis = Axis::around("d", [-0.031, 0.124]);
        assert_eq!((axis.low, axis.digits), (-0.05, 2));
        assert!(axis.high >= 0.124 && axis.ticks.len() <= 8 && axis.tick(-0.0) == "0.00");
        let flat = Axis::around("d", [0.2, 0.2, f64::NAN]);
        assert!(flat.low < 0.2 && flat.high > 0.2);
        assert!(Axis::around("d", []).low < Axis::around("d", []).high);
    }

    #[test]
    fn long_curves_are_thinned_and_keep_their_ends() {
        let curve: Vec<[f64; 2]> = (0..100_000).map(|i| [f64::from(i), 0.0]).collect();
        let few = thinned(&curve);
        assert!(few.len() <= 2 * MAX_POINTS && few[0] == curve[0] && few.last() == curve.last());
    }
}
