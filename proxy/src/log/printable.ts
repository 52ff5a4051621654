/**
 * What a terminal may obey or a reader may be misled by: C0 controls, DEL and C1 (Unicode Cc), line and paragraph
 * separators, and the marks that reorder text (UAX #9).
 */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
/** The same without C0, which JSON.stringify escapes itself, and without the line feed that ends a line. */
const UNPRINTABLE_IN_JSON = /[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Plain text in which every control character is written as `\u001b`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, unicodeEscape)
}

/** JSON text in which the controls that JSON allows as they are, are escaped too. It means the same. */
export function escapeControls(json: string): string {
  return json.replace(UNPRINTABLE_IN_JSON, unicodeEscape)
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
