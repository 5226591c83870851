use serde_json::Value;

/// How positions turn queries and keys.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeConfig {
    /// Base of the frequencies.
    pub theta: f64,
    /// How many frequencies turn with time, with row and with column; `None` where a token has one position only.
    pub axis_sections: Option<[usize; 3]>,
}

impl RopeConfig {
    /// From the `rope_scaling` of older files or the `rope_parameters` of newer ones, beside `rope_theta`.
    pub(super) fn from_keys(theta: Option<f64>, scaling: Option<&Value>, default_theta: f64) -> Result<Self, String> {
        let key = |name: &str| scaling.and_then(|s| s.get(name)).filter(|value| !value.is_null());
        let kind = key("rope_type").or_else(|| key("type")).and_then(Value::as_str).unwrap_or("default");
        if !["default", "mrope"].contains(&kind) {
            return Err(format!("expected rope_type default or mrope, found {kind}"));
        }
        let theta = key("rope_theta").and_then(Value::as_f64).or(theta).unwrap_or(default_theta);
        if !(theta.is_finite() && theta > 1.0) {
            return Err(format!("expected rope_theta above 1, found {theta}"));
        }
        let axis_sections = key("mrope_section").map(sections).transpose()?;
        Ok(Self { theta, axis_sections })
    }

    /// Checks that the sections share out every frequency of a head.
    pub(super) fn fits(&self, head_width: usize) -> Result<(), String> {
        if !head_width.is_multiple_of(2) {
            return Err(format!("expected an even width of heads, found {head_width}"));
        }
        match self.axis_sections {
            Some(sections) if sections.iter().sum::<usize>() != head_width / 2 => {
                Err(format!("expected mrope_section to add up to {}, found {sections:?}", head_width / 2))
            }
            _ => Ok(()),
        }
    }
}

fn sections(value: &Value) -> Result<[usize; 3], String> {
    let wrong = |_| format!("expected mrope_section as three sizes, found {value}");
    let sections: [u16; 3] = serde_json::from_value(value.clone()).map_err(wrong)?;
    Ok(sections.map(usize::from))
}
