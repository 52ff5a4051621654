import * as acme from './acme.ts'
import * as kinds from './kinds.ts'
import { orderLimits } from './order-limits.ts'
import { always, hide, variable } from './variable.ts'

/** Variables about where certificates come from. */
export const certificateVariables = {
  EDGE_ISSUER: variable({
    property: 'issuer',
    kind: kinds.word(['acme', 'local', 'none']),
    defaults: { dev: 'local', run: 'acme' },
    meaning:
      '`acme`: a CA of the world. `local`: a CA of this machine. `none`: serves the vault; issues and writes nothing.',
  }),
  EDGE_ACME_ENGINE: variable({
    property: 'acmeEngine',
    kind: kinds.word(['greenlock', 'acme-client']),
    defaults: always('greenlock'),
    meaning: 'Who leads the orders at the CA; both do the same.',
  }),
  EDGE_ACME_DIRECTORY: variable({
    property: 'acmeDirectory',
    kind: acme.acmeDirectory,
    defaults: always('https://acme-v02.api.letsencrypt.org/directory'),
    meaning: 'The CA. Nothing but the server in this URL is contacted for orders.',
  }),
  EDGE_ACME_EMAIL: variable({
    property: 'acmeEmail',
    kind: kinds.optional(acme.mailAddress),
    defaults: {},
    meaning: 'Mail address of the account at the CA, whose terms it agrees to. Required with `EDGE_ISSUER=acme`.',
  }),
  EDGE_ACME_CA: variable({
    property: 'acmeCaFile',
    kind: kinds.optional(kinds.path),
    defaults: {},
    meaning: "PEM file: whom the CA's own HTTPS certificate is believed from. For CAs that the world does not know.",
  }),
  EDGE_ACME_EAB_KEY_ID: variable({
    property: undefined,
    kind: kinds.optional(kinds.token),
    defaults: {},
    meaning: 'Key id of an external account, for CAs that demand one. Together with its key, or not at all.',
  }),
  EDGE_ACME_EAB_HMAC: variable({
    property: undefined,
    kind: kinds.optional(acme.hmacKey),
    defaults: {},
    meaning: 'The key of that external account.',
    mask: hide,
  }),
  EDGE_DNS_MODULE: variable({
    property: 'dnsModule',
    kind: kinds.optional(acme.moduleName),
    defaults: {},
    meaning:
      'A greenlock module `acme-dns-01-…` that writes into the DNS of `$BLOT_HOST`, for wildcard certificates. ' +
      'Looked for in the `node_modules` of the folder that the edge is started in.',
  }),
  EDGE_DNS_OPTIONS: variable({
    property: 'dnsOptions',
    kind: kinds.optional(acme.jsonObject),
    defaults: {},
    meaning:
      "What that module is created with, as its own documentation has it: credentials for the DNS provider's API.",
    mask: hide,
  }),
  EDGE_ACME_BUDGETS: variable({
    property: 'orderLimits',
    kind: orderLimits,
    defaults: always('orders=300/3h,domain=50/7d,set=5/7d,failures=5/1h'),
    meaning:
      'What the CA allows, counted for all machines: orders of the account, certificates of a registered domain and of the same names, failures of a host. ' +
      'Only what differs has to be named.',
  }),
  EDGE_ISSUE_WAIT_MS: variable({
    property: 'issueWaitMs',
    kind: kinds.wholeNumber('milliseconds', 0, 300_000),
    defaults: always('10000'),
    meaning: 'How long a handshake waits for a certificate that is being obtained.',
  }),
  EDGE_WILDCARD_CERTIFICATE: variable({
    property: undefined,
    kind: kinds.optional(kinds.path),
    defaults: {},
    meaning:
      'PEM file: the chain for `*.$BLOT_HOST`, also the fallback certificate. Together with its key, or not at all.',
  }),
  EDGE_WILDCARD_KEY: variable({
    property: undefined,
    kind: kinds.optional(kinds.path),
    defaults: {},
    meaning: 'PEM file: the key of that certificate.',
  }),
  EDGE_DHPARAMS: variable({
    property: 'dhparamsFile',
    kind: kinds.optional(kinds.path),
    defaults: {},
    meaning: "PEM file with Diffie-Hellman parameters; without it, TLS's built-in groups.",
  }),
}
