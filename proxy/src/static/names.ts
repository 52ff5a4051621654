/** The longest file name of Linux's file systems, in bytes. */
const NAME_BYTES = 255
const VISIBLE_ASCII = /^\/[!-~]*$/
const ENCODED_SLASH = /%2f/i
const ASCII = /^[\0-\x7f]*$/

/** Is it an origin-form target of visible ASCII (RFC 3986)? No file is looked for on behalf of any other. */
export function isPlainTarget(target: string): boolean {
  return VISIBLE_ASCII.test(target)
}

/**
 * Percent-decodes a path, exactly once.
 * @returns undefined for bad encoding, for what is no UTF-8 (overlong forms, surrogates) and for an encoded slash, which
 * would turn one name into two.
 */
export function decodePath(path: string): string | undefined {
  if (!path.includes('%')) return path
  if (ENCODED_SLASH.test(path)) return undefined
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

/**
 * May this name be looked for beneath a folder? Never: a segment that starts with a dot (`..`, `.git`, dotfiles), an
 * empty one (one file has one URL) other than a last one, one over 255 bytes, a backslash, a control character.
 * @param name starts with `/`.
 */
export function isServable(name: string): boolean {
  if (hasForbiddenCharacter(name)) return false
  const segments = name.slice(1).split('/')
  if (segments.at(-1) === '') segments.pop()
  return segments.every((segment) => segment !== '' && segment[0] !== '.' && Buffer.byteLength(segment) <= NAME_BYTES)
}

function hasForbiddenCharacter(name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index)
    if (code < 0x20 || code === 0x5c || code === 0x7f) return true
  }
  return false
}

/**
 * The names under which a file may lie on disk: as asked for, then composed, then decomposed. Browsers ask for what the page
 * says; macOS and the sync clients on it write either form.
 */
export function unicodeForms(name: string): readonly string[] {
  if (ASCII.test(name)) return [name]
  return [...new Set([name, name.normalize('NFC'), name.normalize('NFD')])]
}
