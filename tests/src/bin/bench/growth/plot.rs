//! Plots with two logarithmic axes, as SVG. The same figures make the same bytes.

use std::fmt::Write as _;

use crate::table::grouped;

/// A line through points.
pub(super) struct Series {
    /// What stands beside its mark.
    pub(super) name: String,
    /// From left to right, all above 0.
    pub(super) points: Vec<(f64, f64)>,
}

/// What is shown.
pub(super) struct Plot {
    pub(super) title: String,
    /// What the axis to the right is, with its unit; likewise upwards.
    pub(super) x: String,
    pub(super) y: String,
    pub(super) series: Vec<Series>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
/// Where the axes begin and end; names of lines stand to the right.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 586.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 380.0;
/// Between two names of lines.
const LEADING: f64 = 22.0;

/// Colours that stand out from light and from dark paper, also for who sees no red or no green.
const STYLE: &str = "\
.paper{fill:#fff}.ink{fill:#1f2328}.faint{fill:#59636e}.grid{stroke:#d8dee4}.axis{stroke:#59636e}
.c0{color:#0067c0}.c1{color:#b35900}.c2{color:#00784f}.c3{color:#a0308a}.c4{color:#59636e}.c5{color:#8a6d00}
@media (prefers-color-scheme:dark){
.paper{fill:#0d1117}.ink{fill:#f0f6fc}.faint{fill:#9198a1}.grid{stroke:#2a313a}.axis{stroke:#9198a1}
.c0{color:#58a6ff}.c1{color:#ff9e45}.c2{color:#3fc98e}.c3{color:#e38bd3}.c4{color:#9198a1}.c5{color:#e3c341}}
.line{fill:none;stroke:currentColor;stroke-width:2.2;stroke-linejoin:round}
.dot{fill:currentColor}.name{fill:currentColor}
text{font:13px system-ui,sans-serif}.title{font-size:16px;font-weight:600}
";
const COLOURS: usize = 6;

impl Plot {
    /// The whole file.
    pub(super) fn svg(&self) -> String {
        let all = || self.series.iter().flat_map(|series| &series.points);
        let x = Axis::over(all().map(|point| point.0), LEFT, RIGHT, &[1.0]);
        let y = Axis::over(all().map(|point| point.1), BOTTOM, TOP, &[1.0, 2.0, 5.0]);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\n<title>{}</title>\n\
             <style>\n{STYLE}</style>\n\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n",
            escaped(&self.title)
        );
        let middle = f64::midpoint(LEFT, RIGHT);
        text(&mut out, "title ink", "start", LEFT, 28.0, &self.title);
        for tick in x.ticks() {
            let at = x.place(tick);
            line(&mut out, "grid", (at, TOP), (at, BOTTOM));
            text(
                &mut out,
                "faint",
                "middle",
                at,
                BOTTOM + 20.0,
                &grouped(tick),
            );
        }
        for tick in y.ticks() {
            let at = y.place(tick);
            line(&mut out, "grid", (LEFT, at), (RIGHT, at));
            text(
                &mut out,
                "faint",
                "end",
                LEFT - 8.0,
                at + 4.5,
                &grouped(tick),
            );
        }
        line(&mut out, "axis", (LEFT, BOTTOM), (RIGHT, BOTTOM));
        line(&mut out, "axis", (LEFT, TOP), (LEFT, BOTTOM));
        text(&mut out, "ink", "middle", middle, BOTTOM + 44.0, &self.x);
        text(&mut out, "ink", "start", LEFT, TOP - 10.0, &self.y);
        for (nth, series) in self.series.iter().enumerate() {
            draw(&mut out, nth, series, &x, &y);
        }
        self.names(&mut out);
        out + "</svg>\n"
    }

    /// The names, with the marks of their lines, from the line that ends highest to the lowest.
    fn names(&self, out: &mut String) {
        let end = |series: &Series| series.points.last().map_or(0.0, |point| point.1);
        let mut order: Vec<_> = self.series.iter().enumerate().collect();
        order.sort_by(|one, other| end(other.1).total_cmp(&end(one.1)));
        let mut height = TOP + LEADING;
        for (nth, series) in order {
            let right = RIGHT + 30.0;
            let _ = writeln!(out, "<g class=\"c{}\">", nth % COLOURS);
            mark(out, nth, right, height);
            text(
                out,
                "name",
                "start",
                right + 11.0,
                height + 4.5,
                &series.name,
            );
            out.push_str("</g>\n");
            height += LEADING;
        }
    }
}

fn draw(out: &mut String, nth: usize, series: &Series, x: &Axis, y: &Axis) {
    let places = series.points.iter();
    let places: Vec<_> = places
        .map(|&(right, height)| (x.place(right), y.place(height)))
        .collect();
    let _ = writeln!(out, "<g class=\"c{}\">", nth % COLOURS);
    let path: Vec<_> = places
        .iter()
        .map(|(right, height)| format!("{right:.1},{height:.1}"))
        .collect();
    let _ = writeln!(
        out,
        "<polyline class=\"line\" points=\"{}\"/>",
        path.join(" ")
    );
    for (right, height) in places {
        mark(out, nth, right, height);
    }
    out.push_str("</g>\n");
}

/// A point of a line. Each line has a shape as well as a colour.
fn mark(out: &mut String, nth: usize, x: f64, y: f64) {
    let shape = match nth % COLOURS {
        0 => "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
        1 => "m-3.6 -3.6h7.2v7.2h-7.2z",
        2 => "m0 -5l5 5l-5 5l-5 -5z",
        3 => "m0 -5l4.8 8.4h-9.6z",
        4 => "m0 5l4.8 -8.4h-9.6z",
        _ => "m-5 -1.6h3.4v-3.4h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4z",
    };
    let _ = writeln!(out, "<path class=\"dot\" d=\"M{x:.1} {y:.1}{shape}\"/>");
}

fn line(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        out,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(out: &mut String, class: &str, anchor: &str, x: f64, y: f64, what: &str) {
    let _ = writeln!(
        out,
        "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
        escaped(what)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A logarithmic axis.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    steps: &'static [f64],
}

impl Axis {
    /// One for all `values`, drawn `from` one end `to` the other, with marks at `steps` of each power
    /// of ten.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64, steps: &'static [f64]) -> Self {
        let (least, most) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        let marks = marks(least, steps);
        let low = marks.clone().rfind(|mark| *mark <= least);
        let low = low.unwrap_or(least);
        let high = self::marks(most, steps).find(|mark| *mark >= most && *mark > low);
        Self {
            low,
            high: high.unwrap_or(most),
            from,
            to,
            steps,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        self.from + share * (self.to - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        let mut ticks = vec![self.low];
        while let Some(&last) = ticks.last()
            && let Some(next) = marks(last, self.steps).find(|mark| *mark > 1.001 * last)
            && next <= 1.001 * self.high
        {
            ticks.push(next);
        }
        ticks
    }
}

/// The marks of the powers of ten about a value.
fn marks(value: f64, steps: &[f64]) -> impl DoubleEndedIterator<Item = f64> + Clone {
    let exponent = value.log10().floor();
    (-1..=1).flat_map(move |more| {
        let ten = 10_f64.powf(exponent + f64::from(more));
        steps.iter().map(move |step| step * ten)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(values: &[f64]) -> Axis {
        Axis::over(values.iter().copied(), 0.0, 100.0, &[1.0, 2.0, 5.0])
    }

    #[test]
    fn axes_reach_from_mark_to_mark() {
        let some = axis(&[68.0, 356.0]);
        assert_eq!(some.ticks(), [50.0, 100.0, 200.0, 500.0]);
        assert_eq!((some.place(50.0), some.place(500.0)), (0.0, 100.0));
        assert_eq!(
            axis(&[100.0, 1000.0]).ticks(),
            [100.0, 200.0, 500.0, 1000.0]
        );
        assert_eq!(axis(&[100.0]).ticks(), [100.0, 200.0]);
    }

    #[test]
    fn the_same_figures_make_the_same_picture() {
        let plot = || Plot {
            title: "a < b".into(),
            x: "x".into(),
            y: "y".into(),
            series: vec![Series {
                name: "one".into(),
                points: vec![(1.0, 60.0), (1_000.0, 200.0)],
            }],
        };
        let svg = plot().svg();
        assert_eq!(svg, plot().svg());
        assert!(svg.contains("a &lt; b") && svg.contains(">1,000</text>"));
    }
}
