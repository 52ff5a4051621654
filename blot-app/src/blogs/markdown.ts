import path from 'node:path'
import MarkdownIt from 'markdown-it'
import type { Picture } from './model.ts'
import { targetOf } from './slug.ts'

type Token = ReturnType<InstanceType<typeof MarkdownIt>['parse']>[number]

export interface RenderedMarkdown {
  readonly html: string
  /** Text of a leading first-level heading; it is the title and is not repeated in the HTML. */
  readonly heading: string | undefined
  readonly summary: string
  readonly picture: Picture | undefined
}

const longestSummary = 240

/**
 * Renders Markdown. Relative addresses of pictures and links are resolved against the source's own folder,
 * so that they work from any URL at which the text is shown.
 * @param source Path inside the blog's folder, with forward slashes.
 */
export function renderMarkdown(body: string, source: string): RenderedMarkdown {
  // Authors own their blog, so HTML in their text is theirs to use.
  const markdown = new MarkdownIt({ html: true, linkify: true, typographer: true })
  const environment = {}
  const tokens = markdown.parse(body, environment)
  const heading = takeHeading(tokens)
  const inline = tokens.flatMap((block) => block.children ?? [])
  for (const token of inline) resolveAddress(token, path.posix.dirname(source))
  return {
    html: markdown.renderer.render(tokens, markdown.options, environment),
    heading,
    summary: summarize(tokens),
    picture: firstPicture(inline),
  }
}

function takeHeading(tokens: Token[]): string | undefined {
  const [first, inline] = tokens
  if (first?.type !== 'heading_open' || first.tag !== 'h1' || inline === undefined) return undefined
  tokens.splice(0, 3)
  return plainText(inline)
}

function resolveAddress(token: Token, folder: string): void {
  const attribute = token.type === 'image' ? 'src' : 'href'
  const address = attributeOf(token, attribute)
  if (token.type === 'image') token.attrSet('loading', 'lazy')
  if (address === undefined || !isRelative(address)) return
  const [, file = '', rest = ''] = /^([^?#]*)(.*)$/s.exec(address) ?? []
  const segments = path.posix.join('/', folder, decode(file)).split('/').slice(1)
  token.attrSet(attribute, targetOf(segments) + rest)
}

function attributeOf(token: Token, name: string): string | undefined {
  const value = token.attrGet(name)
  return typeof value === 'string' ? value : undefined
}

function isRelative(address: string): boolean {
  return !/^(?:[a-z][a-z0-9+.-]*:|\/|#|\?|$)/i.test(address)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text.toWellFormed()
  }
}

function firstPicture(inline: readonly Token[]): Picture | undefined {
  const image = inline.find((token) => token.type === 'image')
  const address = image && attributeOf(image, 'src')
  return image && address ? { address, description: image.content } : undefined
}

function summarize(tokens: readonly Token[]): string {
  const paragraphs = tokens.filter(
    (token, index) => token.type === 'inline' && tokens[index - 1]?.type === 'paragraph_open',
  )
  const text = paragraphs.map(plainText).find((paragraph) => paragraph !== '') ?? ''
  if (text.length <= longestSummary) return text
  return `${text
    .slice(0, longestSummary)
    .replace(/\s+\S*$/, '')
    .toWellFormed()}…`
}

function plainText(inline: Token): string {
  const parts = (inline.children ?? []).map((token) => {
    if (token.type === 'softbreak' || token.type === 'hardbreak') return ' '
    return token.type === 'text' || token.type === 'code_inline' ? token.content : ''
  })
  return parts.join('').trim()
}
