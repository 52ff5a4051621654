import { readFrontMatter, type FrontMatter } from './front-matter.ts'
import { renderMarkdown, type RenderedMarkdown } from './markdown.ts'
import { SourceFault } from './source-fault.ts'

/** What one Markdown file says by itself, before the blog gives it a URL. Survives structured cloning. */
export type ParsedSource = FrontMatter & RenderedMarkdown

/**
 * @param source Path inside the blog's folder, with forward slashes.
 * @throws {SourceFault} for an author's mistake.
 */
export function parseSource(source: string, content: Uint8Array): ParsedSource {
  const { metadata, body } = readFrontMatter(decodeText(content).replaceAll('\r\n', '\n'))
  return { ...metadata, ...renderMarkdown(body, source) }
}

/** @throws {SourceFault} when the bytes are not UTF-8. */
export function decodeText(content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch (error) {
    throw new SourceFault('The file is not UTF-8 text. Save it again with the encoding UTF-8.', { cause: error })
  }
}
