import type { Host, Log } from '../contracts/host.ts';
import { adminAuthOf, type EditorAuth } from './editor-auth.ts';
import { type AuditEntry, bridgeLogging } from './log-bridge.ts';
import type { FlowStorage } from './storage.ts';

/** Nodes that reach past the product into the machine; in use only where somebody has asked for them. */
export const UNSAFE_NODES = ['90-exec.js', '10-file.js', '31-tcpin.js', '32-udp.js'];

/** Nodes that a Pi leaves out to save memory: parsers and links that a camera's flows can do without. */
export const HEAVY_NODES = [
  '06-httpproxy.js',
  '10-mqtt.js',
  '18-sort.js',
  '19-batch.js',
  '22-websocket.js',
  '23-watch.js',
  '70-CSV.js',
  '70-HTML.js',
  '70-XML.js',
  '70-YAML.js',
];

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
  slim: boolean;
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
    nodesExcludes: [...(options.unsafeNodes ? [] : UNSAFE_NODES), ...(options.slim ? HEAVY_NODES : [])],
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
    editorTheme: {
      page: { title: 'Redeye' },
      header: { title: 'Redeye' },
      palette: { editable: false },
      projects: { enabled: false },
      tours: false,
    },
  };
}
