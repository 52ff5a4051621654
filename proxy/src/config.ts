import { is } from 'valibot'
import type { EnvironmentFile } from './environment-file.ts'
import { ConfigInvalid, type ConfigFault } from './errors.ts'
import { Unfit } from './config/kinds.ts'
import { readFlags, type Flags } from './config/flags.ts'
import { compareValues } from './config/rules.ts'
import {
  variableNames,
  variables,
  type Mode,
  type Values,
  type Variable,
  type VariableName,
} from './config/variables.ts'
import { nearest } from './nearest.ts'

type PropertyOf<Name extends VariableName> = NonNullable<(typeof variables)[Name]['property']>

/** The configuration: made once from the environment, frozen, handed down by the composition root. */
export type Config = { readonly [Name in VariableName as PropertyOf<Name>]: Values[Name] } & {
  readonly wildcard: { readonly certificateFile: string; readonly keyFile: string } | undefined
  /** RFC 8555 7.3.4; the HMAC key in base64url. */
  readonly externalAccount: { readonly keyId: string; readonly hmac: string } | undefined
}

export type AdminAddress = Config['admin']
export type Upstream = Config['upstreams'][number]
export type StoreLocation = Config['store']
export type PermissionSource = Config['permission']
export type { Flags } from './config/flags.ts'
export type { Mode } from './config/variables.ts'

export type ConfigInput = {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly mode: Mode
  /** Relative paths start here. */
  readonly directory: string
  /** Its values win over `environment`. */
  readonly file?: EnvironmentFile | undefined
  /** They win over every variable. */
  readonly flags?: Flags | undefined
  /** Defaults that depend on the surroundings and stand in for the table's. */
  readonly defaults?: { readonly [Name in VariableName]?: string } | undefined
}

/** One variable as it was resolved: its value as text with secrets masked, undefined when unset, and where that came from. */
export type Origin = {
  readonly variable: VariableName
  readonly value: string | undefined
  /** `default`, `environment`, `<file>:<line>` or the flag. */
  readonly origin: string
}

export type ResolvedConfig = { readonly config: Config; readonly origins: readonly Origin[] }

/** What can be said of an environment, faulty or not: without the faults, `config` is whole. */
export type Inspection = {
  readonly config: Partial<Config>
  readonly origins: readonly Origin[]
  readonly faults: readonly ConfigFault[]
}

/** Pure. @throws ConfigInvalid with every fault of the environment. */
export function resolveConfig(input: ConfigInput): ResolvedConfig {
  const { config, origins, faults } = inspectConfig(input)
  if (faults.length > 0) throw new ConfigInvalid(faults)
  return { config: config as Config, origins }
}

/** Resolves what can be resolved, and names what cannot. */
export function inspectConfig(input: ConfigInput): Inspection {
  const flags = readFlags(input.flags ?? {})
  const given = gatherTexts(input)
  const faults = [...unknownVariables(given), ...flags.faults]
  const values: Record<string, unknown> = {}
  const origins: Origin[] = []
  for (const name of variableNames) {
    const read = readVariable(name, { ...input, given })
    const overridden = name in flags.values
    values[name] = overridden ? flags.values[name] : read.value
    if (!overridden) faults.push(...read.faults)
    const origin = flags.origins.get(name) ?? given.get(name)?.origin ?? 'default'
    const refused = overridden ? undefined : read.faults[0]?.value || undefined
    origins.push({ variable: name, value: showValue(name, values[name]) ?? refused, origin })
  }
  faults.push(...compareValues(values, input.mode))
  return { config: freeze(assemble(values)), origins, faults }
}

type Text = { readonly text: string; readonly origin: string }

/** The variables that are set, by name. An empty value is the same as none, and in the file it hides the environment's. */
function gatherTexts({ environment, file }: ConfigInput): Map<string, Text> {
  const texts = new Map<string, Text>()
  for (const [name, text] of Object.entries(environment)) {
    if (text !== undefined) texts.set(name, { text: text.trim(), origin: 'environment' })
  }
  for (const [name, { value, line }] of file?.assignments ?? []) {
    texts.set(name, { text: value.trim(), origin: `${file?.path}:${line}` })
  }
  for (const [name, { text }] of texts) if (text === '') texts.delete(name)
  return texts
}

/** A name that starts with `EDGE_` is ours: unknown, it is a slip that would go unnoticed. */
function unknownVariables(given: ReadonlyMap<string, Text>): ConfigFault[] {
  const unknown = [...given.keys()].filter((name) => name.startsWith('EDGE_') && !Object.hasOwn(variables, name))
  return unknown.map((variable) => {
    const message = `is not known; the nearest known name is ${nearest(variable, variableNames)}`
    // Its value may be a secret under a misspelt name.
    return { variable, value: '***', message }
  })
}

type Reading = ConfigInput & { readonly given: ReadonlyMap<string, Text> }

function readVariable(name: VariableName, reading: Reading): { value: unknown; faults: ConfigFault[] } {
  const { kind, mask }: Variable = variables[name]
  const text = textOf(name, reading)
  if (text === undefined) {
    const message = `is required: ${kind.right}`
    const mayStayUnset = is(kind.schema, undefined)
    return { value: undefined, faults: mayStayUnset ? [] : [{ variable: name, value: '', message }] }
  }
  const parsed = kind.parse(text, reading.directory)
  const isUnfit = parsed === undefined || parsed instanceof Unfit
  if (!isUnfit && is(kind.schema, parsed)) return { value: parsed, faults: [] }
  // A default that is wrong was made from another variable, which has its own fault.
  if (!reading.given.has(name)) return { value: undefined, faults: [] }
  const message = `must be ${parsed instanceof Unfit ? parsed.right : kind.right}`
  return { value: undefined, faults: [{ variable: name, value: mask === undefined ? text : mask(text), message }] }
}

/** The text of a variable: as given, or its default in this mode. */
function textOf(name: string, reading: Reading): string | undefined {
  const given = reading.given.get(name)?.text
  if (given !== undefined || !isVariable(name)) return given
  const { defaults }: Variable = variables[name]
  const fallback = reading.defaults?.[name] ?? defaults[reading.mode]
  return typeof fallback === 'function' ? fallback((other) => textOf(other, reading)) : fallback
}

function isVariable(name: string): name is VariableName {
  return Object.hasOwn(variables, name)
}

function showValue(name: VariableName, value: unknown): string | undefined {
  const { kind, mask }: Variable = variables[name]
  if (value === undefined || value === null) return undefined
  const text = kind.show(value)
  return mask === undefined ? text : mask(text)
}

function assemble(values: Partial<Values>): Partial<Config> {
  const config: Record<string, unknown> = {}
  for (const name of variableNames) {
    const { property } = variables[name]
    if (property !== undefined) config[property] = values[name]
  }
  const { EDGE_WILDCARD_CERTIFICATE: certificateFile, EDGE_WILDCARD_KEY: keyFile } = values
  config.wildcard = certificateFile !== undefined && keyFile !== undefined ? { certificateFile, keyFile } : undefined
  const { EDGE_ACME_EAB_KEY_ID: keyId, EDGE_ACME_EAB_HMAC: hmac } = values
  config.externalAccount = keyId !== undefined && hmac !== undefined ? { keyId, hmac } : undefined
  return config
}

function freeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  for (const inner of Object.values(value)) freeze(inner)
  return Object.freeze(value)
}
