const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text that is safe in HTML and XML, between tags and in quoted attributes. */
export function escapeMarkup(value: unknown): string {
  return String(value).replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}

/** Removes control characters, which XML 1.0 (section 2.2) forbids even in escaped form. */
export function withoutControls(text: string): string {
  return text.replaceAll(/[^\t\n\r\P{Cc}]|[\ufffe\uffff]/gu, '')
}
