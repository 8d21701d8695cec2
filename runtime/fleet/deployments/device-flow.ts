import { type DeviceFlow, type FlowReportedMessage, isLastPhase } from '../../contracts/deployments.ts';

/** What is known of a device's flows. */
export interface FlowColumns {
  flow_generation: number | null;
  flow_revision: string | null;
  flow_wanted: boolean;
  flow_reported: FlowReportedMessage | null;
  flow_reported_at: Date | null;
}

/** The same as the API shows it. */
export function deviceFlow(row: FlowColumns): DeviceFlow {
  const { flow_reported: said, flow_revision: desired } = row;
  const revision = said?.revision ?? null;
  const isUnderWay = said !== null && !isLastPhase(said.phase);
  // What was sent and not heard of yet is on its way as well.
  const isAhead = row.flow_wanted && (said?.generation ?? 0) < (row.flow_generation ?? 0);
  return {
    generation: row.flow_generation ?? 0,
    desired_revision: desired,
    revision,
    phase: said?.phase ?? null,
    slot: said?.slot ?? null,
    reason: said?.reason ?? null,
    drift: said !== null && !isUnderWay && !isAhead && (revision !== desired || said.slot === 'safe'),
    reported_at: row.flow_reported_at?.toISOString() ?? null,
  };
}
