import type { Host, Log } from '../contracts/host.ts';
import { adminAuthOf, type EditorAuth } from './editor-auth.ts';
import { type AuditEntry, bridgeLogging } from './log-bridge.ts';
import type { FlowStorage } from './storage.ts';

/** Nodes that reach past the product into the machine; in use only where somebody has asked for them. */
export const UNSAFE_NODES = ['90-exec.js', '10-file.js', '31-tcpin.js', '32-udp.js'];

/**
 * Nodes that a Pi leaves out to save memory unless a flow uses them, with the types they bring. Measured (headless, x64, all of them
 * and the unsafe ones): 139 MB with, 102 MB without; `http request` alone is 19 MB of it.
 */
export const HEAVY_NODES: Readonly<Record<string, readonly string[]>> = {
  '06-httpproxy.js': ['http proxy'],
  '10-mqtt.js': ['mqtt in', 'mqtt out', 'mqtt-broker'],
  '18-sort.js': ['sort'],
  '19-batch.js': ['batch'],
  '21-httprequest.js': ['http request'],
  '22-websocket.js': ['websocket in', 'websocket out', 'websocket-listener', 'websocket-client'],
  '23-watch.js': ['watch'],
  '70-CSV.js': ['csv'],
  '70-HTML.js': ['html'],
  '70-XML.js': ['xml'],
  '70-YAML.js': ['yaml'],
};

export interface EngineSettings {
  userDir: string;
  credentialSecret: string;
  /** folder of our nodes, compiled, with their package.json */
  nodesDir: string;
  host: Host;
  log: Log;
  storage: FlowStorage;
  onAudit: (entry: AuditEntry) => void;
  /** path of the editor and who may use it; false: no editor and no admin API */
  editor: { root: string; auth: EditorAuth } | false;
  /** path below which flows' http-in nodes are reached; false: nowhere */
  httpNodeRoot: string | false;
  /** leave out heavy nodes, save those of these types; false: all nodes */
  slim: { usedTypes: ReadonlySet<string> } | false;
  unsafeNodes: boolean;
  /** start with flows stopped */
  safeMode: boolean;
}

/** Node-RED's settings as Redeye wants them: nothing phones home, nothing is installed from the network, our users, our log. */
export function nodeRedSettings(options: EngineSettings): Record<string, unknown> {
  const { editor } = options;
  return {
    userDir: options.userDir,
    nodesDir: [options.nodesDir],
    redeye: options.host,
    storageModule: options.storage,
    credentialSecret: options.credentialSecret,
    logging: bridgeLogging(options.log, options.onAudit),
    nodesExcludes: [
      ...(options.unsafeNodes ? [] : UNSAFE_NODES),
      ...(options.slim ? unusedOf(options.slim.usedTypes) : []),
    ],
    httpAdminRoot: editor ? editor.root : false,
    httpNodeRoot: options.httpNodeRoot,
    disableEditor: !editor,
    ...(editor ? { adminAuth: adminAuthOf(editor.auth) } : {}),
    telemetry: { enabled: false, updateNotification: false },
    externalModules: {
      autoInstall: false,
      palette: { allowInstall: false, allowUpload: false, allowUpdate: false },
      modules: { allowInstall: false },
    },
    functionExternalModules: false,
    exportGlobalContextKeys: false,
    runtimeState: { enabled: true, ui: true },
    diagnostics: { enabled: false, ui: false },
    safeMode: options.safeMode,
    paletteCategories: ['redeye', 'subflows', 'common', 'function', 'network', 'sequence', 'parser', 'storage'],
    editorTheme: {
      page: { title: 'Redeye' },
      header: { title: 'Redeye' },
      projects: { enabled: false },
      tours: false,
    },
  };
}

function unusedOf(usedTypes: ReadonlySet<string>): string[] {
  const unused = Object.entries(HEAVY_NODES).filter(([, types]) => !types.some((type) => usedTypes.has(type)));
  return unused.map(([file]) => file);
}
