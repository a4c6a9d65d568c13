//! Markdown tables and medians.

/// Prints a table: the first column to the left, all others to the right.
pub fn print(head: &[&str], rows: &[Vec<String>]) {
    let line = |cells: &[String]| println!("| {} |", cells.join(" | "));
    let head: Vec<_> = head.iter().map(ToString::to_string).collect();
    let marks = head.iter().enumerate();
    let marks: Vec<_> = marks
        .map(|(nth, _)| if nth == 0 { "---" } else { "--:" }.to_owned())
        .collect();
    println!();
    line(&head);
    line(&marks);
    rows.iter().for_each(|row| line(row));
    println!();
}

/// The middle of some figures, or `None` of none.
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], upper)
    } else {
        upper
    })
}

/// A whole number with commas between the thousands.
pub fn grouped(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut out = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
