//! Room: how plots and pages look, in light and in dark.
//!
//! Invariants: endpoints differ in colour, in marker and in name, so that nobody needs to tell colours apart;
//! text and lines have a contrast of at least 4.5 to their ground, in both themes.

/// The colours of one theme.
struct Theme {
    ground: &'static str,
    ink: &'static str,
    quiet: &'static str,
    grid: &'static str,
    axis: &'static str,
    endpoints: [&'static str; 2],
}

const LIGHT: Theme = Theme {
    ground: "#ffffff",
    ink: "#1c2128",
    quiet: "#57606a",
    grid: "#e6e9ed",
    axis: "#8c959f",
    endpoints: ["#0a5fc2", "#b35309"],
};

const DARK: Theme = Theme {
    ground: "#14181d",
    ink: "#e8ecf1",
    quiet: "#a2acb8",
    grid: "#2a3138",
    axis: "#6b7682",
    endpoints: ["#68b0ff", "#f2a65a"],
};

/// The fonts of everything; what each system has of its own.
pub(super) const FONTS: &str =
    "system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif";

/// The style sheet of plots, for the theme that the reader prefers.
pub(super) fn plots() -> String {
    format!(
        "text{{font-family:{FONTS};font-size:12px}}\
         .title{{font-size:15px;font-weight:600}}\
         .value{{font-size:11px;font-weight:600;paint-order:stroke;stroke-width:3.5px;stroke-linejoin:round}}\
         .big{{font-size:23px;font-weight:650}}\
         .grid{{stroke-width:1}}.axis{{stroke-width:1}}\
         .line-0,.line-1{{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}}\
         .line-1{{stroke-dasharray:7 4}}\
         .band-0,.band-1{{stroke:none;opacity:.16}}\
         .marker-0,.marker-1{{stroke-width:1.5}}\
         {}@media(prefers-color-scheme:dark){{{}}}",
        colours(&LIGHT),
        colours(&DARK)
    )
}

/// The style sheet of the page around the plots.
pub(super) fn page() -> String {
    format!(
        "*{{box-sizing:border-box}}\
         body{{margin:0 auto;max-width:1240px;padding:2rem 1.25rem 4rem;font:16px/1.55 {FONTS}}}\
         h1{{font-size:1.7rem;line-height:1.25;margin:0 0 .4rem}}\
         h2{{font-size:1.2rem;margin:2.6rem 0 .8rem}}\
         p,ul,dl{{max-width:52rem}}\
         .lead{{font-size:1.25rem;line-height:1.45;margin:.6rem 0 1rem}}\
         .lead+ul{{padding-left:1.2rem}}li{{margin:.3rem 0}}\
         .plots{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,540px),1fr));gap:1.4rem}}\
         figure{{margin:0;padding:1rem;border:1px solid;border-radius:8px}}\
         svg{{display:block;width:100%;height:auto}}\
         .scroll{{overflow-x:auto}}\
         table{{border-collapse:collapse;font-size:.84rem;font-variant-numeric:tabular-nums;white-space:nowrap}}\
         th,td{{padding:.3rem .7rem;text-align:right;border-bottom:1px solid}}\
         th:first-child,td:first-child,td:nth-child(2),th:nth-child(2){{text-align:left}}\
         thead th{{vertical-align:bottom;font-weight:600}}\
         dt{{font-weight:600;margin-top:.7rem}}dd{{margin:0;overflow-wrap:anywhere}}\
         code{{font:13px/1.5 ui-monospace,\"DejaVu Sans Mono\",monospace}}\
         summary{{cursor:pointer;margin:1rem 0}}\
         .wrong{{font-weight:600;border-left:4px solid;padding-left:.8rem}}\
         @media print{{figure{{break-inside:avoid}}}}\
         {}@media(prefers-color-scheme:dark){{{}}}",
        grounds(&LIGHT),
        grounds(&DARK)
    )
}

fn colours(theme: &Theme) -> String {
    let Theme { ground, ink, quiet, grid, axis, endpoints: [a, b] } = theme;
    format!(
        "text{{fill:{ink}}}.quiet{{fill:{quiet}}}.ground{{fill:{ground}}}\
         .grid{{stroke:{grid}}}.axis{{stroke:{axis}}}.value{{stroke:{ground}}}\
         .line-0{{stroke:{a}}}.line-1{{stroke:{b}}}\
         .band-0,.bar-0,.value-0,.marker-0{{fill:{a}}}.band-1,.bar-1,.value-1,.marker-1{{fill:{b}}}\
         .marker-0,.marker-1{{stroke:{ground}}}"
    )
}

fn grounds(theme: &Theme) -> String {
    let Theme { ground, ink, quiet, grid, endpoints: [a, b], .. } = theme;
    format!(
        "body{{background:{ground};color:{ink}}}figure,th,td{{border-color:{grid}}}\
         .quiet,dt{{color:{quiet}}}a{{color:{a}}}.wrong{{border-color:{b}}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, as WCAG 2.2 defines it.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        (one / other).max(other / one)
    }

    #[test]
    fn everything_can_be_read_in_both_themes() {
        for theme in [LIGHT, DARK] {
            let [a, b] = theme.endpoints;
            for colour in [theme.ink, theme.quiet, a, b] {
                let found = contrast(colour, theme.ground);
                assert!(found >= 4.5, "{colour} on {}: {found:.2}", theme.ground);
            }
        }
    }
}
