import { is } from 'valibot'
import { variableNames, variables, type Mode, type Variable, type VariableName } from '../../src/config/variables.ts'

/** A variable as a row of the table in docs/configuration.md. */
export function rowOf(name: VariableName): string {
  const accepts = variables[name].kind.right
  return `| \`${name}\` | ${defaultOf(name, 'dev')} | ${defaultOf(name, 'run')} | ${variables[name].meaning} | ${accepts} |`
}

function defaultOf(name: VariableName, mode: Mode): string {
  const { defaults, kind }: Variable = variables[name]
  const fallback = defaults[mode]
  const text = typeof fallback === 'function' ? fallback((other) => nameOrNothing(other, mode)) : fallback
  if (text === undefined) return is(kind.schema, undefined) ? '' : '**required**'
  return text === '' ? '' : `\`${text}\``
}

/** What a default is made of: `$NAME`, unless that variable has no value of its own. */
function nameOrNothing(name: string, mode: Mode): string | undefined {
  const known = variableNames.find((candidate) => candidate === name)
  const { defaults }: Partial<Variable> = known === undefined ? {} : variables[known]
  return defaults?.[mode] === undefined ? undefined : `$${name}`
}
