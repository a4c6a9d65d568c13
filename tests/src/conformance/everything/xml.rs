//! As much XML as there is in that page.

/// An element: a name, attributes as they are written, text, and elements within.
#[derive(Clone, Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: String,
    pub(super) text: String,
    pub(super) children: Vec<Self>,
}

impl Element {
    /// Parses a document of elements, attributes and text, which is all that there is here.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
        let rest = text.strip_prefix(declaration).ok_or("no declaration")?;
        let (element, rest) = Self::read(rest.trim_start())?;
        if rest.is_empty() {
            Ok(element)
        } else {
            Err(format!("more behind the end: {rest:?}"))
        }
    }

    fn read(text: &str) -> Result<(Self, &str), String> {
        let rest = text
            .strip_prefix('<')
            .ok_or_else(|| format!("no element: {text:.40?}"))?;
        let (tag, mut rest) = rest.split_once('>').ok_or("a tag without end")?;
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut element = Self {
            name: name.to_owned(),
            attributes: attributes.to_owned(),
            ..Self::default()
        };
        let end = format!("</{name}>");
        loop {
            let (text, behind) = rest.split_at(rest.find('<').ok_or("an element without end")?);
            element.text += text.trim();
            if let Some(behind) = behind.strip_prefix(&end) {
                return Ok((element, behind));
            }
            let (child, behind) = Self::read(behind)?;
            element.children.push(child);
            rest = behind;
        }
    }

    /// The number at a path of names.
    pub(super) fn named(&self, path: &str) -> u64 {
        let mut element = self;
        for name in path.split('/') {
            let found = element.children.iter().find(|child| child.name == name);
            element = found.unwrap_or_else(|| panic!("no {path}"));
        }
        element.number()
    }

    /// The number at a path of positions.
    pub(super) fn at(&self, path: &[usize]) -> u64 {
        let element = path.iter().fold(self, |element, index| {
            element
                .children
                .get(*index)
                .unwrap_or_else(|| panic!("nothing at {path:?}"))
        });
        element.number()
    }

    fn number(&self) -> u64 {
        self.text
            .parse()
            .unwrap_or_else(|_| panic!("{} is {:?}", self.name, self.text))
    }

    /// The names in order, those of the same name in a row counted.
    pub(super) fn outline(&self) -> String {
        let mut parts: Vec<(String, usize)> = Vec::new();
        for child in &self.children {
            let text = if child.children.is_empty() {
                child.name.clone()
            } else {
                format!("{}{{{}}}", child.name, child.outline())
            };
            match parts.last_mut() {
                Some((last, count)) if *last == text => *count += 1,
                _ => parts.push((text, 1)),
            }
        }
        let text = parts.iter().map(|(text, count)| match count {
            1 => text.clone(),
            count => format!("{text}*{count}"),
        });
        text.collect::<Vec<_>>().join(" ")
    }

    pub(super) fn leaves(&self) -> Vec<&Self> {
        if self.children.is_empty() {
            return vec![self];
        }
        self.children.iter().flat_map(Self::leaves).collect()
    }

    /// The counts of `debug/renew` or `debug/http_error` with the values of their attribute.
    pub(super) fn counts(&self, of: &str) -> Vec<(String, u64)> {
        let debug = self.children.iter().find(|child| child.name == "debug");
        let found = debug.and_then(|debug| debug.children.iter().find(|child| child.name == of));
        let counts = found
            .map(|found| found.children.as_slice())
            .unwrap_or_default();
        let value = |text: &str| text.split('"').nth(1).unwrap_or_default().to_owned();
        counts
            .iter()
            .map(|count| (value(&count.attributes), count.number()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Element;

    #[test]
    fn the_reader_reads_what_is_well_formed_and_nothing_else() {
        let start = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        let good = "<a>\n  <b>1</b>\n  <c x=\"2\">3</c>\n</a>";
        let root = Element::parse(&format!("{start}{good}")).unwrap();
        assert_eq!(
            (root.named("b"), root.at(&[1]), root.outline().as_str()),
            (1, 3, "b c")
        );
        assert_eq!(root.children[1].attributes, "x=\"2\"");
        for bad in ["<a>", "<a></b>", "<a></a>x", "<a><b></a></b>", "a", ""] {
            assert!(Element::parse(&format!("{start}{bad}")).is_err(), "{bad}");
        }
    }
}
