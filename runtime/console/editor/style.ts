/** Only Node-RED's own variables for colours: both of its themes, and those of others, fit by themselves. */
export const STYLE = `
.redeye-edge-tab::after{content:attr(data-runs-on);position:absolute;right:4px;bottom:1px;max-width:75%;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-size:9px;line-height:12px;padding:0 4px;border-radius:3px;background:var(--red-ui-secondary-background-selected);color:var(--red-ui-primary-text-color);pointer-events:none}
.redeye-edge-tab-content{height:100%;overflow-y:auto;background:var(--red-ui-secondary-background)}
.redeye-edge,.redeye-edge-box{color:var(--red-ui-primary-text-color);font-size:13px;line-height:1.4}
.redeye-edge{padding:10px}
.redeye-edge *,.redeye-edge-box *{box-sizing:border-box}
.redeye-edge ul,.redeye-edge-box ul{list-style:none;margin:0;padding:0}
.redeye-edge p,.redeye-edge-box p{margin:4px 0;overflow-wrap:anywhere}
.redeye-edge h3,.redeye-edge-box h3{margin:14px 0 6px;font-size:12px;font-weight:600;line-height:1.4;color:var(--red-ui-secondary-text-color)}
.redeye-edge .line,.redeye-edge-box .line{display:flex;align-items:center;gap:6px;flex-wrap:wrap}
.redeye-edge .line .name{flex:1;min-width:70px;overflow-wrap:anywhere}
.redeye-edge .quiet,.redeye-edge-box .quiet{color:var(--red-ui-secondary-text-color);font-weight:normal}
.redeye-edge .error,.redeye-edge-box .error,.redeye-edge .bad{color:var(--red-ui-text-color-error)}
.redeye-edge .warning,.redeye-edge-box .warning,.redeye-edge .drift{color:var(--red-ui-text-color-warning)}
.redeye-edge .good{color:var(--red-ui-text-color-success)}
.redeye-edge .off{color:var(--red-ui-tertiary-text-color)}
.redeye-edge code,.redeye-edge-box code{font-size:12px;padding:0 4px;border:0;border-radius:3px;background:var(--red-ui-primary-background);color:var(--red-ui-primary-text-color);white-space:nowrap}
.redeye-edge label span,.redeye-edge-box label span{display:block;color:var(--red-ui-secondary-text-color);font-size:12px;margin-bottom:2px}
.redeye-edge select,.redeye-edge-box select,.redeye-edge-box input{width:100%;height:32px;margin:0;padding:0 6px;border:1px solid var(--red-ui-form-input-border-color);border-radius:4px;background:var(--red-ui-form-input-background);color:var(--red-ui-form-text-color);font-size:13px}
.redeye-edge button,.redeye-edge-box button{min-height:32px;padding:4px 12px;border:1px solid var(--red-ui-form-input-border-color);border-radius:4px;background:var(--red-ui-form-button-background);color:var(--red-ui-primary-text-color);font-size:13px;cursor:pointer}
.redeye-edge button.small{min-height:24px;padding:0 8px;font-size:12px}
.redeye-edge button.primary,.redeye-edge-box button.primary{background:var(--red-ui-workspace-button-background-primary);border-color:var(--red-ui-workspace-button-background-primary);color:var(--red-ui-workspace-button-color-primary)}
.redeye-edge button:hover:not(:disabled),.redeye-edge-box button:hover:not(:disabled){filter:brightness(1.08)}
.redeye-edge button:disabled,.redeye-edge-box button:disabled{opacity:.5;cursor:default}
.redeye-edge :focus-visible,.redeye-edge-box :focus-visible{outline:2px solid var(--red-ui-form-input-focus-color);outline-offset:1px}
.redeye-edge .act{margin:10px 0}
.redeye-edge .act button{width:100%}
.redeye-edge .device,.redeye-edge .rollout{padding:8px 0;border-top:1px solid var(--red-ui-secondary-border-color)}
.redeye-edge .dot{width:9px;height:9px;border-radius:50%;border:1px solid var(--red-ui-tertiary-text-color)}
.redeye-edge .dot.online{background:var(--red-ui-text-color-success);border-color:var(--red-ui-text-color-success)}
.redeye-edge .dot.degraded,.redeye-edge .dot.updating{background:var(--red-ui-text-color-warning);border-color:var(--red-ui-text-color-warning)}
.redeye-edge .drift{font-weight:600}
.redeye-edge .groups{margin-left:auto}
.redeye-edge .rollout .word.failed{color:var(--red-ui-text-color-error)}
.redeye-edge .rollout .word.done{color:var(--red-ui-text-color-success)}
.redeye-edge .targets{margin:4px 0 0 8px}
.redeye-edge .targets li{padding:2px 0}
.redeye-edge .trial{display:grid;grid-template-columns:repeat(3,1fr);gap:4px;margin:4px 0}
.redeye-edge .trial figure{margin:0}
.redeye-edge .trial img,.redeye-edge .trial .none{display:flex;align-items:center;justify-content:center;width:100%;aspect-ratio:4/3;object-fit:cover;border-radius:3px;background:var(--red-ui-primary-background);color:var(--red-ui-secondary-text-color);font-size:11px}
.redeye-edge .trial figcaption{font-size:11px;line-height:1.3;color:var(--red-ui-secondary-text-color)}
.redeye-edge progress{display:block;width:100%;height:4px;margin:2px 0;accent-color:var(--red-ui-text-color-success)}
.redeye-edge-box{width:min(760px,94vw);max-height:88vh;padding:0;border:1px solid var(--red-ui-primary-border-color);border-radius:6px;background:var(--red-ui-secondary-background)}
.redeye-edge-box[open]{display:flex;flex-direction:column}
.redeye-edge-box::backdrop{background:var(--red-ui-shade-color)}
.redeye-edge-box>header{padding:12px 16px;font-size:15px;font-weight:600;border-bottom:1px solid var(--red-ui-secondary-border-color)}
.redeye-edge-box>.body{padding:12px 16px;overflow-y:auto}
.redeye-edge-box>footer{display:flex;justify-content:flex-end;gap:8px;padding:10px 16px;border-top:1px solid var(--red-ui-secondary-border-color)}
.redeye-edge-box .fields{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:10px;align-items:end}
.redeye-edge-box .preview>li{padding:6px 0;border-top:1px solid var(--red-ui-secondary-border-color)}
.redeye-edge-box summary{cursor:pointer}
.redeye-edge-box .beside{margin-left:8px}
.redeye-edge-box .changes li{margin:6px 0;padding:6px 8px;border-radius:4px;background:var(--red-ui-primary-background)}
.redeye-edge-box .what{display:flex;gap:8px;flex-wrap:wrap;align-items:baseline}
.redeye-edge-box .what .added{color:var(--red-ui-diff-state-added)}
.redeye-edge-box .what .removed{color:var(--red-ui-diff-state-deleted)}
.redeye-edge-box .what .changed{color:var(--red-ui-diff-state-changed)}
.redeye-edge-box dl{display:grid;grid-template-columns:minmax(80px,max-content) 1fr;gap:2px 10px;margin:4px 0 0}
.redeye-edge-box dt{color:var(--red-ui-secondary-text-color);font-weight:normal}
.redeye-edge-box dd{display:grid;grid-template-columns:1fr 1fr;gap:8px;margin:0}
.redeye-edge-box dd>*{text-decoration:none;padding:0 4px;border-radius:3px;font-family:var(--red-ui-monospace-font,monospace);font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere}
.redeye-edge-box del{background:var(--red-ui-diff-state-deleted-background)}
.redeye-edge-box ins{background:var(--red-ui-diff-state-added-background)}
.redeye-edge-box figure{margin:14px 0 0}
.redeye-edge-box figcaption{font-weight:600;margin-bottom:4px}
.redeye-edge-box svg{width:100%;height:auto;border:1px solid var(--red-ui-secondary-border-color);border-radius:4px;background:var(--red-ui-view-background)}
.redeye-edge-box svg path{fill:none;stroke:var(--red-ui-link-color);stroke-width:2}
.redeye-edge-box svg rect{fill:var(--red-ui-secondary-background);stroke:var(--red-ui-node-border)}
.redeye-edge-box svg text{fill:var(--red-ui-primary-text-color);font-size:12px;text-anchor:middle}
`;
