//! Lines of a comparison: one quantity, a figure for each tracker, and who is ahead.

use crate::table::{grouped, print};

/// Which of two figures is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Better {
    Higher,
    Lower,
}

/// One quantity.
pub(super) struct Line {
    /// What it is, with its unit.
    pub(super) name: String,
    /// Which is better; `None` where the line before has said it.
    pub(super) better: Option<Better>,
    /// Digits after the point.
    pub(super) decimals: usize,
    /// A figure for each column, wrtracker's first. `None` where there is nothing to measure.
    pub(super) figures: Vec<Option<f64>>,
    /// What the bare socket loop comes to.
    pub(super) limit: Option<f64>,
}

impl Line {
    /// A line without a limit.
    pub(super) fn new(name: &str, better: Better, figures: Vec<Option<f64>>) -> Self {
        Self {
            name: name.into(),
            better: Some(better),
            decimals: 0,
            figures,
            limit: None,
        }
    }

    /// How many times wrtracker's figure is better than the best of the others, and whose that is.
    /// Above 1 it's ahead.
    fn lead(&self) -> Option<(f64, usize)> {
        let better = self.better?;
        let own = (*self.figures.first()?)?;
        let others = self.figures.iter().enumerate().skip(1);
        let leads = others.filter_map(|(column, figure)| {
            let lead = match better {
                Better::Higher => own / (*figure)?,
                Better::Lower => (*figure)? / own,
            };
            Some((lead, column))
        });
        // Nothing at all is no figure to be measured by.
        let leads = leads.filter(|(lead, _)| lead.is_finite() && *lead > 0.0);
        leads.min_by(|one, other| one.0.total_cmp(&other.0))
    }

    /// Who is ahead and by how much, for people.
    fn verdict(&self, columns: &[&str]) -> String {
        let Some((lead, column)) = self.lead() else {
            return "-".into();
        };
        let rival = columns.get(column).unwrap_or(&"");
        match format!("{lead:.2}").as_str() {
            "1.00" => format!("1.00, even with {rival}"),
            _ if lead < 1.0 => format!("**lost by {:.2}** to {rival}", 1.0 / lead),
            ahead => format!("{ahead} over {rival}"),
        }
    }

    fn show(&self, figure: Option<f64>) -> String {
        match (figure, self.decimals) {
            (None, _) => "-".into(),
            (Some(figure), 0) => grouped(figure),
            (Some(figure), decimals) => format!("{figure:.decimals$}"),
        }
    }
}

/// Prints the lines as one table. `limits` adds the column of the bare socket loop.
pub(super) fn show(columns: &[&str], lines: &[Line], limits: bool) {
    let mut head = vec!["quantity"];
    head.extend(columns);
    head.push("wrtracker to the better one");
    if limits {
        head.push("socket loop, the limit");
    }
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            let mut row = vec![line.name.clone()];
            row.extend(line.figures.iter().map(|&figure| line.show(figure)));
            row.push(line.verdict(columns));
            if limits {
                row.push(line.show(line.limit));
            }
            row
        })
        .collect();
    print(&head, &rows);
    let lost = lines.iter().filter_map(Line::lead);
    let lost = lost.filter(|(lead, _)| *lead < 0.995).count();
    let compared = lines.iter().filter_map(Line::lead).count();
    println!("{lost} of {compared} quantities are lost.");
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 3] = ["wrtracker", "one", "other"];

    fn verdict(better: Better, figures: [f64; 3]) -> String {
        Line::new("", better, figures.map(Some).into()).verdict(&COLUMNS)
    }

    #[test]
    fn the_better_of_the_others_counts() {
        let higher = verdict(Better::Higher, [120.0, 100.0, 110.0]);
        assert_eq!(higher, "1.09 over other");
        let lower = verdict(Better::Lower, [50.0, 100.0, 110.0]);
        assert_eq!(lower, "2.00 over one");
    }

    #[test]
    fn a_lost_line_says_so() {
        let lost = verdict(Better::Lower, [104.0, 100.0, 110.0]);
        assert_eq!(lost, "**lost by 1.04** to one");
        assert_eq!(
            verdict(Better::Higher, [100.1, 100.0, 1.0]),
            "1.00, even with one"
        );
    }

    #[test]
    fn without_another_figure_there_is_no_verdict() {
        let alone = Line::new("", Better::Lower, vec![Some(1.0), None, None]);
        assert_eq!(alone.verdict(&COLUMNS), "-");
    }
}
