# Turns a UCI file into calls of shell functions: words, quoted as they need to be, on a line each
# statement. In single quotes all is as it is, in double quotes and outside a backslash takes what
# follows as it is; line ends may be in either. # begins a comment where a word could.

function flush_word() {
	if (in_word) {
		gsub(/'/, "'\\''", word)
		line = line (line == "" ? "" : " ") "'" word "'"
	}
	in_word = 0
	word = ""
}

function flush_line() {
	flush_word()
	if (line ~ /^'(package|config|option|list)'/)
		print line
	line = ""
}

BEGIN { quote = "" }

{
	text = $0
	for (at = 1; at <= length(text); at++) {
		char = substr(text, at, 1)
		if (quote == "'") {
			if (char == "'") quote = ""; else word = word char
		} else if (char == "\\") {
			in_word = 1
			word = word substr(text, ++at, 1)
		} else if (quote == "\"") {
			if (char == "\"") quote = ""; else word = word char
		} else if (char == "'" || char == "\"") {
			in_word = 1
			quote = char
		} else if (char == " " || char == "\t" || char == ";") {
			flush_word()
			if (char == ";") flush_line()
		} else if (char == "#" && !in_word) {
			break
		} else {
			in_word = 1
			word = word char
		}
	}
	if (quote == "") flush_line(); else word = word "\n"
}

END { if (quote != "") exit 1 }
