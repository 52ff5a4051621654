import { domainToASCII } from 'node:url'
import { isHandle } from './handle.ts'
import type { Settings } from './model.ts'
import { SourceFault } from './source-fault.ts'

const longestText = 300
const mostFormerHandles = 100

export function defaultSettings(handle: string): Settings {
  const title = handle.charAt(0).toUpperCase() + handle.slice(1).replaceAll('-', ' ')
  return { title, description: '', domain: undefined, template: 'plain', forceSSL: false, formerHandles: [] }
}

/**
 * Reads `blog.json`. Unknown fields are left to whoever else uses the file.
 * @throws {SourceFault} naming the field and what would be right.
 */
export function readSettings(text: string, handle: string, templates: ReadonlySet<string>): Settings {
  const fields = parseObject(text)
  const defaults = defaultSettings(handle)
  return {
    title: textField(fields, 'title') ?? defaults.title,
    description: textField(fields, 'description') ?? defaults.description,
    domain: domainField(fields['domain']),
    template: templateField(fields['template'] ?? defaults.template, templates),
    forceSSL: flagField(fields['forceSSL']),
    formerHandles: handlesField(fields['formerHandles']).filter((former) => former !== handle),
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new SourceFault(`blog.json is not valid JSON: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SourceFault('blog.json must hold one object, such as {"title": "My garden"}.')
  }
  return Object.fromEntries(Object.entries(value))
}

function textField(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = fields[name]
  if (value === undefined) return undefined
  if (typeof value === 'string' && value.length <= longestText) return value
  throw new SourceFault(`"${name}" in blog.json must be a text of at most ${longestText} characters.`)
}

function domainField(value: unknown): string | undefined {
  if (value === undefined || value === '') return undefined
  const domain = typeof value === 'string' ? domainToASCII(value) : ''
  const isName = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/.test(domain)
  if (isName && !/\.\d+$/.test(domain)) return domain
  throw new SourceFault('"domain" in blog.json must be a domain without scheme or path, such as "www.example.com".')
}

function templateField(value: unknown, templates: ReadonlySet<string>): string {
  if (typeof value === 'string' && templates.has(value)) return value
  throw new SourceFault(`"template" in blog.json must be one of: ${[...templates].join(', ')}.`)
}

function flagField(value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false
  throw new SourceFault('"forceSSL" in blog.json must be true or false, without quotes.')
}

function handlesField(value: unknown): string[] {
  if (value === undefined) return []
  const isList = Array.isArray(value) && value.length <= mostFormerHandles
  if (isList && value.every((handle) => typeof handle === 'string' && isHandle(handle)))
    return [...new Set<string>(value)]
  throw new SourceFault('"formerHandles" in blog.json must be a list of handles, such as ["allotment", "old-garden"].')
}
