/** Something that was changed by hand or by a deployment; shown as evidence beside alerts that fire soon after. */
export interface ChangeMarker {
  at: string;
  kind: 'threshold' | 'rule' | 'mute' | 'deployment';
  by: string;
  detail: string;
}
