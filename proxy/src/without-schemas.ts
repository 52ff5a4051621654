import type { FastifyServerOptions } from 'fastify'

/**
 * For Fastify apps whose bodies are judged by parsers of our own: without it, Fastify loads two compilers of JSON Schema, which are every
 * seventh module of a process.
 */
export const WITHOUT_SCHEMAS = {
  schemaController: { compilersFactory: { buildValidator: refuse, buildSerializer: refuse } },
} satisfies FastifyServerOptions

function refuse(): never {
  throw new TypeError('routes have no schemas here: bodies are judged by parsers')
}
