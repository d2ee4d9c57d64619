import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './styles/page.css';
import { App } from './app.js';
import { startTheme } from './theme.js';

startTheme();
render(<App />, document.getElementById('page')!);
