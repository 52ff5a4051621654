import type { GenericSchema } from 'valibot'
import type { Kind } from './kinds.ts'

/** `dev`: embedded defaults, for one machine. `run`: production. */
export type Mode = 'dev' | 'run'

/** A default: text as an operator would write it, or made from the text of other variables. */
export type Default = string | ((text: (name: string) => string | undefined) => string | undefined)

export type Variable<
  Schema extends GenericSchema = GenericSchema,
  Property extends string | undefined = string | undefined,
> = {
  /** Its name in `Config`; undefined for a variable that only has a say in the value of another one. */
  readonly property: Property
  readonly kind: Kind<Schema>
  /** Without a default, and of a kind that is not optional, the variable is required. */
  readonly defaults: { readonly [mode in Mode]?: Default }
  /** For docs/configuration.md. */
  readonly meaning: string
  /** How its text is shown, when it may hold a secret. */
  readonly mask?: (text: string) => string
}

/** One row of the table; keeps its exact type. */
export function variable<Schema extends GenericSchema, const Property extends string | undefined>(
  entry: Variable<Schema, Property>,
): Variable<Schema, Property> {
  return entry
}

/** The same default in both modes. */
export function always(text: Default): { dev: Default; run: Default } {
  return { dev: text, run: text }
}

/** A mask for what is secret altogether. */
export function hide(): string {
  return '***'
}
