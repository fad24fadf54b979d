import { Module } from '@nestjs/common';
import { WorkerProcesses } from './worker-processes.js';

@Module({ providers: [WorkerProcesses], exports: [WorkerProcesses] })
export class WorkersModule {}
