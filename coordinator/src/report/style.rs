//! Colours and layout. The hues are safe for the common kinds of colour blindness; form says the same again.

/// A colour by its use: name, on light, on dark.
type Colour = (&'static str, &'static str, &'static str);

/// Colours of text and of marks that carry meaning; each readable on `page` and `card`.
const INK: [Colour; 4] = [
    ("ink", "#1b1e23", "#e8eaed"),
    ("quiet", "#555c66", "#a7aeb8"),
    ("front", "#0062a3", "#6bb8f2"),
    ("jpeg", "#b34700", "#ff9d5c"),
];

/// Grounds and shapes that carry no text.
const GROUND: [Colour; 10] = [
    ("page", "#f6f7f8", "#15171a"),
    ("card", "#ffffff", "#1d2024"),
    ("rule", "#e2e5e9", "#33383f"),
    ("axis", "#8a919b", "#7a828d"),
    ("other", "#8b939e", "#79818c"),
    ("band", "#c9d0d8", "#434a53"),
    ("read", "#56b4e9", "#56b4e9"),
    ("decode", "#e69f00", "#e69f00"),
    ("transfer", "#009e73", "#12b886"),
    ("execute", "#5b5f97", "#9a9fe0"),
];

/// The whole style sheet.
pub(super) fn css() -> String {
    let variables = |pick: fn(&Colour) -> &str| -> String {
        let colours = INK.iter().chain(&GROUND);
        colours
            .map(|colour| format!("--{}:{};", colour.0, pick(colour)))
            .collect()
    };
    format!(
        ":root{{color-scheme:light dark;{}}}\n@media (prefers-color-scheme:dark){{:root{{{}}}}}\n{RULES}",
        variables(|colour| colour.1),
        variables(|colour| colour.2)
    )
}

/// Where nothing can hover, a tap shows what a mark says.
pub(super) const SCRIPT: &str = "
const tip = document.getElementById('tip');
document.addEventListener('click', event => {
  const mark = event.target.closest('svg *');
  const title = mark ? mark.querySelector('title') : null;
  tip.hidden = !title;
  if (title) tip.textContent = title.textContent;
});
";

const RULES: &str = "
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif}
main{max-width:960px;margin:0 auto;padding:16px}
h1{font-size:1.7rem;line-height:1.2;margin:.4em 0;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 .5em}
header p{margin:.3em 0;overflow-wrap:anywhere}
.quiet{color:var(--quiet);font-size:.88rem;margin:.6em 0 0}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:16px;margin:16px 0}
.tiles{display:grid;grid-template-columns:repeat(3,1fr);gap:16px}
@media (max-width:600px){.tiles{grid-template-columns:repeat(2,1fr)}}
.tiles div{display:flex;flex-direction:column}
.tiles b{font-size:1.5rem;line-height:1.2}
.tiles small{color:var(--quiet);overflow-wrap:anywhere}
.warn{border-color:var(--jpeg)}
.warn ul{margin:0;padding-left:1.2em;overflow-wrap:anywhere}
.scroll{overflow:auto;max-height:70vh}
.drawing{overflow-x:auto}
.drawing svg{display:block;width:100%;min-width:560px;height:auto}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 16px;margin:0 0 8px;padding:0;font-size:.85rem}
.legend svg{width:20px;height:14px;margin-right:4px;vertical-align:-2px}
.curves{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:14px}
.curves div{display:flex;flex-direction:column;font-size:.8rem}
.curves span{color:var(--quiet)}
.curves svg{width:100%;height:auto}
table{border-collapse:collapse;font-size:.88rem;width:100%}
th,td{padding:5px 7px;text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;border-bottom:1px solid var(--rule)}
th{color:var(--quiet);font-weight:600;position:sticky;top:0;background:var(--card)}
.l{text-align:left}
code{font:.95em ui-monospace,'SF Mono',Menlo,Consolas,'Liberation Mono',monospace}
#tip{position:fixed;left:12px;right:12px;bottom:12px;max-width:640px;margin:0 auto;padding:10px 14px;border-radius:8px;background:var(--ink);color:var(--card);font-size:.9rem}
svg text{fill:var(--ink);font-size:12.5px}
svg .tick{fill:var(--quiet);font-size:12px}
svg .small{fill:var(--quiet);font-size:10px}
svg .title{fill:var(--ink);font-size:12.5px}
svg .mid{text-anchor:middle}
svg .end{text-anchor:end}
svg .label{font-weight:600;font-size:12px;paint-order:stroke;stroke:var(--card);stroke-width:3px}
svg .front{fill:var(--front)}
svg .jpegname{fill:var(--jpeg)}
svg path{fill:none}
.grid{stroke:var(--rule)}
.axis{stroke:var(--axis)}
.leader{stroke:var(--axis)}
.o{fill:none;stroke:var(--other);stroke-opacity:.55;pointer-events:all}
.m{fill:var(--other);stroke:var(--card)}
.fo{fill:var(--card);stroke:var(--front);stroke-width:1.6}
.fm{fill:var(--front);stroke:var(--card)}
.root{stroke:var(--ink);stroke-width:2}
.pick{fill:none;stroke:var(--ink);stroke-width:1.6;pointer-events:none}
.best{stroke:var(--front);stroke-width:1.8}
.whisker{stroke:var(--front);stroke-opacity:.5;stroke-width:1.4}
.legend .o,.legend .whisker{stroke-opacity:1}
svg .jpeg{fill:var(--jpeg);stroke:var(--card)}
.jpegline{stroke:var(--jpeg);stroke-dasharray:4 4}
.arrow{stroke:var(--axis);stroke-width:1.3}
.head{marker-end:url(#head)}
svg .tip{fill:var(--axis)}
.l0{stroke:var(--front);stroke-width:2}
.l1{stroke:var(--decode);stroke-width:1.6;stroke-dasharray:7 3}
.l2{stroke:var(--transfer);stroke-width:1.6;stroke-dasharray:2 3}
.l3{stroke:var(--read);stroke-width:1.6;stroke-dasharray:9 3 2 3}
.l4{stroke:var(--execute);stroke-width:1.6;stroke-dasharray:4 4}
.p0{fill:var(--front);stroke:var(--card)}
.p1{fill:var(--decode);stroke:var(--card)}
.p2{fill:var(--transfer);stroke:var(--card)}
.p3{fill:var(--read);stroke:var(--card)}
.p4{fill:var(--execute);stroke:var(--card)}
.test{stroke:var(--ink);stroke-width:2}
.range{fill:var(--band)}
.range.on{fill:var(--front)}
.read{fill:var(--read)}
.decode{fill:var(--decode)}
.transfer{fill:var(--transfer)}
.execute{fill:var(--execute)}
circle:hover,rect:hover,.jpeg:hover{stroke:var(--ink);stroke-width:2;stroke-opacity:1}
@media print{section{break-inside:avoid}.scroll{max-height:none}}
";

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(colour: &str) -> f64 {
        let part = |from: usize| {
            let value = f64::from(u8::from_str_radix(&colour[from..from + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_is_readable_on_both_grounds_in_both_modes() {
        for (name, light, dark) in INK {
            for (ground, on_light, on_dark) in &GROUND[..2] {
                assert!(contrast(light, on_light) >= 4.5, "{name} on light {ground}");
                assert!(contrast(dark, on_dark) >= 4.5, "{name} on dark {ground}");
            }
        }
    }
}
