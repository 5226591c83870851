use serde_json::Value;

use super::checked::only;

/// How positions turn queries and keys.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeConfig {
    /// Base of the frequencies.
    pub theta: f64,
    /// What each frequency turns with.
    pub axes: Axes,
}

/// Which of a token's positions the frequencies turn with. Sections are how many turn with time, with row and with column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axes {
    /// A token has one position only.
    One,
    /// The first frequencies turn with time, the next with the row, the last with the column.
    InTurn([usize; 3]),
    /// Time, row and column by turns, from the first frequency on; those after the last of row and column turn with time.
    Interleaved([usize; 3]),
}

/// What the family of a text model fixes without a key, or where a file may omit one.
pub(super) struct RopeFamily {
    pub theta: f64,
    pub sections: Option<[usize; 3]>,
    pub is_interleaved: bool,
}

impl RopeConfig {
    /// From the `rope_scaling` of older files or the `rope_parameters` of newer ones, beside `rope_theta`.
    pub(super) fn from_keys(theta: Option<f64>, scaling: Option<&Value>, family: &RopeFamily) -> Result<Self, String> {
        let key = |name: &str| scaling.and_then(|s| s.get(name)).filter(|value| !value.is_null());
        let kind = key("rope_type").or_else(|| key("type")).and_then(Value::as_str).unwrap_or("default");
        if !["default", "mrope"].contains(&kind) {
            return Err(format!("expected rope_type default or mrope, found {kind}"));
        }
        let theta = key("rope_theta").and_then(Value::as_f64).or(theta).unwrap_or(family.theta);
        if !(theta.is_finite() && theta > 1.0) {
            return Err(format!("expected rope_theta above 1, found {theta}"));
        }
        if let Some(found) = key("mrope_interleaved") {
            only("mrope_interleaved", &found.to_string(), &family.is_interleaved.to_string())?;
        }
        let sections = key("mrope_section").map(sections).transpose()?.or(family.sections);
        let axes = match (sections, family.is_interleaved) {
            (None, _) => Axes::One,
            (Some(sections), false) => Axes::InTurn(sections),
            (Some(sections), true) => Axes::Interleaved(sections),
        };
        Ok(Self { theta, axes })
    }

    /// Checks that the sections share out every frequency of a head.
    pub(super) fn fits(&self, head_width: usize) -> Result<(), String> {
        if !head_width.is_multiple_of(2) {
            return Err(format!("expected an even width of heads, found {head_width}"));
        }
        let pairs = head_width / 2;
        match self.axes {
            Axes::InTurn(sections) | Axes::Interleaved(sections) if sections.iter().sum::<usize>() != pairs => {
                Err(format!("expected mrope_section to add up to {pairs}, found {sections:?}"))
            }
            // Rows and columns have every third frequency: no section of theirs may reach past the last.
            Axes::Interleaved(sections) if [1, 2].iter().any(|axis| 3 * sections[*axis] + axis > pairs + 2) => {
                Err(format!("expected mrope_section that leaves every third of {pairs} to rows, found {sections:?}"))
            }
            _ => Ok(()),
        }
    }
}

impl Axes {
    /// The axis with which each pair of a head turns: 0 is time, 1 the row, 2 the column.
    pub(crate) fn of_pairs(self, pairs: usize) -> Vec<usize> {
        match self {
            Self::One => vec![0; pairs],
            Self::InTurn(sections) => {
                sections.iter().enumerate().flat_map(|(axis, count)| vec![axis; *count]).collect()
            }
            Self::Interleaved(sections) => {
                (0..pairs).map(|pair| if pair < 3 * sections[pair % 3] { pair % 3 } else { 0 }).collect()
            }
        }
    }
}

fn sections(value: &Value) -> Result<[usize; 3], String> {
    let wrong = |_| format!("expected mrope_section as three sizes, found {value}");
    let sections: [u16; 3] = serde_json::from_value(value.clone()).map_err(wrong)?;
    Ok(sections.map(usize::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_give_every_pair_an_axis() {
        assert_eq!(Axes::InTurn([1, 1, 2]).of_pairs(4), [0, 1, 2, 2]);
        assert_eq!(Axes::Interleaved([4, 2, 2]).of_pairs(8), [0, 1, 2, 0, 1, 2, 0, 0]);
        for (axis, count) in [24, 20, 20].into_iter().enumerate() {
            let of_pairs = Axes::Interleaved([24, 20, 20]).of_pairs(64);
            assert_eq!(of_pairs.iter().filter(|of_pair| **of_pair == axis).count(), count);
        }
    }

    #[test]
    fn sections_that_would_be_cut_short_are_refused() {
        let fits = |axes| RopeConfig { theta: 1e4, axes }.fits(16).is_ok();
        assert!(fits(Axes::Interleaved([4, 2, 2])) && fits(Axes::Interleaved([3, 3, 2])));
        assert!(!fits(Axes::Interleaved([1, 3, 4])) && !fits(Axes::Interleaved([2, 4, 2])));
        assert!(fits(Axes::InTurn([1, 3, 4])) && !fits(Axes::InTurn([1, 3, 3])));
    }
}
