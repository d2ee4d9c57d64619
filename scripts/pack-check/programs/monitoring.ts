import { LatencySketch, PerformanceMonitoringService, prometheusText } from '@dunlin/monitoring';

const monitor = new PerformanceMonitoringService({ instanceId: 'packed' });
await monitor.startMonitoring();
for (let at = 1; at <= 200; at += 1) monitor.recordResponseTime(at);
const metrics = monitor.getMetrics();
const text: string = prometheusText(monitor, false);
await monitor.stopMonitoring();
if (metrics.responseTime.count !== 200) throw new Error(`counted ${metrics.responseTime.count}`);
if (!text.includes('# TYPE')) throw new Error('no exposition');
if (new LatencySketch() === undefined) throw new Error('no sketch');
