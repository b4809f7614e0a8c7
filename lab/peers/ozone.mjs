// Measures Ozone, the moderation service of the AT Protocol, beside Gardefou: run by `gardefou bench --peers`.
//
//   node ozone.mjs POSTGRESQL_URL SECONDS
//
// Three processes, as the benchmarks of Gardefou have: `around` (a directory of identities, a server of accounts, and
// an appview that only answers, which is in Ozone's favour), `ozone` (its API and its daemon, on PostgreSQL), and the
// load. Prints one line of JSON: reports of a new subject each, and takedowns each reversed, a second, by clients.
import { fork } from 'node:child_process'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { Agent, request } from 'node:http'

const CLIENTS = [1, 8, 32]
const REPORTERS = 40
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'
const TEXT =
  'They keep posting the same link in every thread and will not stop when asked, and there are at least three other' +
  ' accounts doing it too. Please look at the profile as well as at the post; it has been going on since Monday, and' +
  ' several people in the group have left because of it.'

const account = () => 'did:plc:' + [...randomBytes(24)].map((byte) => LETTERS[byte % 32]).join('')
const exported = async (pair) => Buffer.from(await pair.export()).toString('hex')

async function around() {
  const { TestPlc, TestPds, createDidAndKey, createOzoneDid } = await import('@atproto/dev-env')
  const { Secp256k1Keypair } = await import('@atproto/crypto')
  const directory = await TestPlc.create({})
  const key = await Secp256k1Keypair.create({ exportable: true })
  const did = await createOzoneDid(directory.url, key)
  const appview = createServer(async (call, answer) => {
    const chunks = []
    for await (const chunk of call) chunks.push(chunk)
    const method = new URL(call.url, 'http://appview').pathname.split('/').pop()
    const said = {
      'app.bsky.feed.getAuthorFeed': { feed: [] },
      'app.bsky.actor.getProfiles': { profiles: [] },
      'app.bsky.labeler.getServices': { views: [] },
      'com.atproto.admin.getAccountInfos': { infos: [] },
    }[method]
    const pushed = method === 'com.atproto.admin.updateSubjectStatus'
    answer.writeHead(said || pushed ? 200 : 404, { 'content-type': 'application/json' })
    answer.end(pushed ? Buffer.concat(chunks) : JSON.stringify(said ?? { error: 'NotFound', message: method }))
  }).listen(0, '127.0.0.1')
  await once(appview, 'listening')
  const accounts = await TestPds.create({
    didPlcUrl: directory.url, modServiceDid: did, modServiceUrl: 'http://localhost:1', rateLimitsEnabled: false,
  })
  const reporters = []
  for (let place = 0; place < REPORTERS; place++) {
    const one = await createDidAndKey({ plcUrl: directory.url, handle: `reporter${place}.test`, pds: accounts.url })
    reporters.push({ did: one.did, key: await exported(one.key) })
  }
  process.send({
    did, key: await exported(key), reporters, plc: directory.url, pds: accounts.url,
    pdsDid: accounts.ctx.cfg.service.did, appview: `http://127.0.0.1:${appview.address().port}`,
  })
}

async function ozone(url) {
  const told = once(process, 'message')
  const { TestOzone } = await import('@atproto/dev-env')
  const { Secp256k1Keypair } = await import('@atproto/crypto')
  const [beside] = await told
  const served = await TestOzone.create({
    dbPostgresUrl: url, dbPostgresSchema: 'ozone', serverDid: beside.did,
    signingKey: await Secp256k1Keypair.import(beside.key, { exportable: true }),
    plcUrl: beside.plc, pdsUrl: beside.pds, pdsDid: beside.pdsDid,
    appviewUrl: beside.appview, appviewDid: 'did:example:appview', appviewPushEvents: true,
  })
  const moderator = served.moderatorAccnt
  process.send({ url: served.url, moderator: { did: moderator.did, key: await exported(moderator.key) } })
}

async function load(url, seconds) {
  const { createServiceJwt } = await import('@atproto/xrpc-server')
  const { Secp256k1Keypair } = await import('@atproto/crypto')
  const { default: pg } = await import('pg')
  const database = new pg.Client(url)
  await database.connect()
  await database.query('CREATE SCHEMA ozone')
  await database.end()
  const parts = ['around', 'ozone'].map((name) => {
    const part = fork(fileURLToPath(import.meta.url), [name, url], {
      env: { ...process.env, LOG_ENABLED: 'false' }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    part.on('exit', () => { console.error(`the part ${name} ended by itself`); end(1) })
    return part
  })
  const end = (status) => {
    for (const part of parts) { part.removeAllListeners('exit'); part.kill('SIGKILL') }
    process.exit(status)
  }
  const [beside] = await once(parts[0], 'message')
  parts[1].send(beside)
  const [served] = await once(parts[1], 'message')

  // A token is good for a minute: each is signed anew after half of it, so that the load signs little.
  const signed = new Map()
  async function token(who, lxm) {
    const known = signed.get(who.did + lxm)
    if (known && Date.now() - known.at < 30_000) return known.jwt
    who.pair ??= await Secp256k1Keypair.import(who.key)
    const jwt = await createServiceJwt({ iss: who.did, aud: beside.did, lxm, keypair: who.pair })
    signed.set(who.did + lxm, { at: Date.now(), jwt })
    return jwt
  }
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  async function call(who, lxm, body) {
    const data = Buffer.from(JSON.stringify(body))
    const headers = {
      authorization: `Bearer ${await token(who, lxm)}`, 'content-type': 'application/json', 'content-length': data.length,
    }
    const sent = request(`${served.url}/xrpc/${lxm}`, { method: 'POST', agent, headers })
    sent.end(data)
    const [answer] = await once(sent, 'response')
    const chunks = []
    for await (const chunk of answer) chunks.push(chunk)
    if (answer.statusCode !== 200) throw new Error(`${lxm}: ${answer.statusCode} ${Buffer.concat(chunks)}`)
  }
  const subject = (did) => ({ $type: 'com.atproto.admin.defs#repoRef', did })
  let place = 0
  const report = () =>
    call(beside.reporters[place++ % REPORTERS], 'com.atproto.moderation.createReport', {
      reasonType: 'com.atproto.moderation.defs#reasonSpam', reason: TEXT, subject: subject(account()),
    })
  const decided = (did, event) =>
    call(served.moderator, 'tools.ozone.moderation.emitEvent', {
      event: { $type: `tools.ozone.moderation.defs#modEvent${event}` }, subject: subject(did),
      createdBy: served.moderator.did,
    })
  const pair = async () => {
    const did = account()
    await decided(did, 'Takedown')
    await decided(did, 'ReverseTakedown')
  }
  async function rate(clients, time, one) {
    const begun = performance.now()
    let done = 0
    const client = async () => {
      while (performance.now() - begun < time * 1000) { await one(); done++ }
    }
    await Promise.all(Array.from({ length: clients }, client))
    return (done * 1000) / (performance.now() - begun)
  }
  const { version } = JSON.parse(await readFile('node_modules/@atproto/ozone/package.json', 'utf8'))
  const found = { version, reports: {}, pairs: {} }
  await rate(8, 2, report)
  for (const clients of CLIENTS) found.reports[clients] = await rate(clients, seconds, report)
  for (const clients of CLIENTS) found.pairs[clients] = await rate(clients, seconds, pair)
  console.log(JSON.stringify(found))
  end(0)
}

// A part ends with whoever started it.
process.on('disconnect', () => process.exit(0))
const [first, second] = process.argv.slice(2)
const part = { around, ozone: () => ozone(second) }[first] ?? (() => load(first, Number(second)))
part().catch((error) => { console.error(error.message); process.exit(1) })
