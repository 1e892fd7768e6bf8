//! A drawing with two axes. Adds marks, lines and labels to it; knows no formats.

use super::scale::Scale;
use super::text::escape;
use std::fmt::Write;

/// Width of every full drawing, in its own units: a CSS pixel on a wide screen.
pub(super) const WIDTH: f64 = 760.0;

/// Where the axes lie within the drawing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// A drawing under construction.
pub(super) struct Plot {
    out: String,
    taken: Vec<Area>,
}

/// On which side of its mark a label stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Left,
    Right,
    Middle,
}

/// Titles and tick texts of one axis.
pub(super) struct Axis<'a> {
    pub(super) scale: &'a Scale,
    pub(super) title: &'a str,
    pub(super) text: fn(f64) -> String,
    pub(super) ticks: usize,
}

impl Plot {
    /// An empty drawing of [`WIDTH`] × `height` that shows `what`.
    pub(super) fn new(height: f64, what: &str) -> Plot {
        Plot::sized(WIDTH, height, what)
    }

    /// An empty drawing of any size.
    pub(super) fn sized(width: f64, height: f64, what: &str) -> Plot {
        let what = escape(what);
        Plot {
            out: format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{what}\">\n"
            ),
            taken: Vec::new(),
        }
    }

    /// The head of an arrow, for paths of class `head`. Once a page: its name is the page's.
    pub(super) fn arrow_head(&mut self) {
        self.out.push_str(
            "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" markerHeight=\"6\" \
             orient=\"auto\"><path class=\"tip\" d=\"M0 0L8 4L0 8Z\"/></marker></defs>\n",
        );
    }

    /// Both axes of an area: grid lines, tick texts, titles.
    pub(super) fn axes(&mut self, area: Area, x: Axis, y: Axis) {
        self.y_axis(area, y);
        for tick in x.scale.ticks(x.ticks) {
            let Some(place) = x.scale.at(tick) else { continue };
            let text = (x.text)(tick);
            self.line("grid", (place, area.top), (place, area.bottom));
            self.text("tick mid", (place, area.bottom + 17.0), &text);
        }
        self.line("axis", (area.left, area.bottom), (area.right, area.bottom));
        let middle = (area.left + area.right) / 2.0;
        self.text("title mid", (middle, area.bottom + 37.0), x.title);
    }

    /// The upright axis alone.
    pub(super) fn y_axis(&mut self, area: Area, y: Axis) {
        for tick in y.scale.ticks(y.ticks) {
            let Some(place) = y.scale.at(tick) else { continue };
            self.line("grid", (area.left, place), (area.right, place));
            self.text("tick end", (area.left - 7.0, place + 4.0), &(y.text)(tick));
        }
        self.text("title", (8.0, area.top - 10.0), y.title);
    }

    /// A straight line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = writeln!(
            self.out,
            "<path class=\"{class}\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    /// A path in SVG's words, whose numbers must be finite.
    pub(super) fn path(&mut self, class: &str, d: &str) {
        let _ = writeln!(self.out, "<path class=\"{class}\" d=\"{d}\"/>");
    }

    /// A dot that says `title` when pointed at.
    pub(super) fn dot(&mut self, class: &str, at: (f64, f64), radius: f64, title: &str) {
        let title = escape(title);
        let _ = writeln!(
            self.out,
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"><title>{title}</title></circle>",
            at.0, at.1
        );
    }

    /// A diamond that says `title` when pointed at.
    pub(super) fn diamond(&mut self, class: &str, at: (f64, f64), radius: f64, title: &str) {
        let (title, (x, y)) = (escape(title), at);
        let _ = writeln!(
            self.out,
            "<path class=\"{class}\" d=\"M{x:.1} {:.1}L{:.1} {y:.1}L{x:.1} {:.1}L{:.1} {y:.1}Z\"><title>{title}</title></path>",
            y - radius,
            x + radius,
            y + radius,
            x - radius
        );
    }

    /// A rectangle that says `title` when pointed at.
    pub(super) fn bar(&mut self, class: &str, area: Area, title: &str) {
        let title = escape(title);
        let (width, height) = (
            (area.right - area.left).max(0.0),
            (area.bottom - area.top).max(0.0),
        );
        let _ = writeln!(
            self.out,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{title}</title></rect>",
            area.left, area.top
        );
    }

    /// A text whose anchor is at a place.
    pub(super) fn text(&mut self, class: &str, at: (f64, f64), text: &str) {
        let text = escape(text);
        let _ = writeln!(
            self.out,
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
            at.0, at.1
        );
    }

    /// A slanted text that ends at a place.
    pub(super) fn slanted(&mut self, at: (f64, f64), text: &str) {
        let text = escape(text);
        let _ = writeln!(
            self.out,
            "<text class=\"tick end\" transform=\"translate({:.1} {:.1}) rotate(-40)\">{text}</text>",
            at.0, at.1
        );
    }

    /// Keeps labels off what lies within `air` of a straight line, which may be a single place.
    pub(super) fn keep_clear(&mut self, from: (f64, f64), to: (f64, f64), air: f64) {
        self.taken.push(Area {
            left: from.0.min(to.0) - air,
            right: from.0.max(to.0) + air,
            top: from.1.min(to.1) - air,
            bottom: from.1.max(to.1) + air,
        });
    }

    /// A ring around a mark.
    pub(super) fn ring(&mut self, class: &str, at: (f64, f64), radius: f64) {
        let _ = writeln!(
            self.out,
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"/>",
            at.0, at.1
        );
    }

    /// A label for the mark at a place: beside it where nothing else is, farther away with a line to it, or, where
    /// nothing within the area is free, not at all. `sides` are tried in order.
    pub(super) fn label(&mut self, class: &str, sides: &[Side], within: Area, at: (f64, f64), text: &str) {
        let width = 7.7 * text.chars().count() as f64;
        let place = |side: Side, rise: f64| {
            // Farther up or down, a label may stand closer to the mark's own column.
            let aside = if rise == 0.0 { 10.0 } else { 5.0 };
            let left = match side {
                Side::Right => at.0 + aside,
                Side::Left => at.0 - aside - width,
                Side::Middle => at.0 - width / 2.0,
            };
            Area {
                left,
                right: left + width,
                top: at.1 + rise - 8.0,
                bottom: at.1 + rise + 8.0,
            }
        };
        let rises = [
            0.0, -16.0, 16.0, -32.0, 32.0, -48.0, 48.0, -66.0, 66.0, -90.0, 90.0, 120.0, 150.0, 180.0,
        ];
        let free = |area: &Area| {
            within.left <= area.left
                && area.right <= within.right
                && within.top <= area.top
                && area.bottom <= within.bottom
                && !self.taken.iter().any(|taken| overlap(taken, area))
        };
        let places = rises
            .iter()
            .flat_map(|&rise| sides.iter().map(move |&side| (side, rise)));
        let mut free_places = places.filter(|&(side, rise)| free(&place(side, rise)));
        let Some((side, rise)) = free_places.next() else {
            return;
        };
        let area = place(side, rise);
        self.taken.push(area);
        if rise.abs() > 20.0 {
            let end = if rise < 0.0 { area.bottom } else { area.top };
            self.line("leader", at, (at.0.clamp(area.left, area.right), end));
        }
        let (anchor, x) = match side {
            Side::Right => ("", area.left),
            Side::Left => (" end", area.right),
            Side::Middle => (" mid", at.0),
        };
        self.text(&format!("label {class}{anchor}"), (x, area.bottom - 4.0), text);
    }

    /// The finished drawing.
    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }
}

fn overlap(a: &Area, b: &Area) -> bool {
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

/// A section with a heading, a legend of (class, shape, words), a drawing that scrolls where it is too wide, and a caption.
pub(super) fn figure(heading: &str, legend: &[(&str, Mark, &str)], drawing: &str, caption: &str) -> String {
    let entry = |(class, mark, words): &(&str, Mark, &str)| {
        let shape = match mark {
            Mark::Dot => format!("<circle class=\"{class}\" cx=\"10\" cy=\"7\" r=\"4.5\"/>"),
            Mark::Diamond => format!("<path class=\"{class}\" d=\"M10 1L16 7L10 13L4 7Z\"/>"),
            Mark::Line => format!("<path class=\"{class}\" d=\"M1 7L19 7\"/>"),
            Mark::Upright => format!("<path class=\"{class}\" d=\"M10 1L10 13\"/>"),
            Mark::Square => format!("<rect class=\"{class}\" x=\"4\" y=\"1\" width=\"12\" height=\"12\"/>"),
        };
        format!(
            "<li><svg viewBox=\"0 0 20 14\" aria-hidden=\"true\">{shape}</svg>{}</li>",
            escape(words)
        )
    };
    let entries: String = legend.iter().map(entry).collect();
    let legend = if entries.is_empty() {
        entries
    } else {
        format!("<ul class=\"legend\">{entries}</ul>\n")
    };
    format!(
        "<section><h2>{heading}</h2>\n{legend}<div class=\"drawing\">\n{drawing}</div>\n<p class=\"quiet\">{caption}</p></section>\n"
    )
}

/// A section that says why it has no drawing.
pub(super) fn nothing(heading: &str, why: &str) -> String {
    format!("<section><h2>{heading}</h2>\n<p class=\"quiet\">{why}</p></section>\n")
}

/// Shape of a legend's mark.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    Dot,
    Diamond,
    Line,
    Upright,
    Square,
}
